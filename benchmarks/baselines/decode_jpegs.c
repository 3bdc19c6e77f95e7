/* Decode every JPEG file of a list, some times over, in a few processes, with libjpeg-turbo and nothing else.
 *
 * decode_jpegs LIST PROCESSES PASSES LEAST: each file is read and decoded to RGB at the smallest of the scales
 * 1, 1/2, 1/4, 1/8 whose sides are at least LEAST. Prints the time of a sample as JSON. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <jpeglib.h>

enum { MOST_FILES = 1000000, LONGEST = 4096 };

static char *paths[MOST_FILES];

static unsigned char *reserve(unsigned char *room, size_t *size, size_t needed)
{
    if (needed <= *size)
        return room;
    *size = needed;
    room = realloc(room, needed);
    if (!room)
        exit(1);
    return room;
}

static void decode(const char *path, unsigned least)
{
    static unsigned char *data, *pixels;
    static size_t data_size, pixels_size;
    struct jpeg_decompress_struct jpeg;
    struct jpeg_error_mgr errors;
    FILE *file = fopen(path, "rb");
    long length;

    if (!file)
        exit(1);
    fseek(file, 0, SEEK_END);
    length = ftell(file);
    rewind(file);
    data = reserve(data, &data_size, length);
    if (fread(data, 1, length, file) != (size_t)length)
        exit(1);
    fclose(file);

    jpeg.err = jpeg_std_error(&errors);
    jpeg_create_decompress(&jpeg);
    jpeg_mem_src(&jpeg, data, length);
    jpeg_read_header(&jpeg, TRUE);
    jpeg.out_color_space = JCS_RGB;
    for (jpeg.scale_denom = 8; jpeg.scale_denom > 1; jpeg.scale_denom /= 2)
        if (jpeg.image_width / jpeg.scale_denom >= least && jpeg.image_height / jpeg.scale_denom >= least)
            break;
    jpeg_start_decompress(&jpeg);
    pixels = reserve(pixels, &pixels_size, (size_t)jpeg.output_width * jpeg.output_height * 3);
    while (jpeg.output_scanline < jpeg.output_height) {
        JSAMPROW row = pixels + (size_t)jpeg.output_scanline * jpeg.output_width * 3;
        jpeg_read_scanlines(&jpeg, &row, 1);
    }
    jpeg_finish_decompress(&jpeg);
    jpeg_destroy_decompress(&jpeg);
}

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec + time.tv_nsec * 1e-9;
}

int main(int count, char **words)
{
    char line[LONGEST];
    int files = 0, processes, passes, status;
    double begun;
    FILE *list;

    if (count != 5 || !(list = fopen(words[1], "r")))
        return 2;
    while (files < MOST_FILES && fgets(line, sizeof line, list)) {
        line[strcspn(line, "\n")] = 0;
        paths[files++] = strdup(line);
    }
    processes = atoi(words[2]);
    passes = atoi(words[3]);
    begun = now();
    for (int process = 0; process < processes; process++)
        if (fork() == 0) {
            for (int pass = 0; pass < passes; pass++)
                for (int file = process; file < files; file += processes)
                    decode(paths[file], atoi(words[4]));
            _exit(0);
        }
    while (wait(&status) > 0)
        if (status)
            return 1;
    printf("{\"samples\": %d, \"sample_us\": %.3f}\n", files * passes, (now() - begun) / files / passes * 1e6);
    return 0;
}
