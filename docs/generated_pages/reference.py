"""The pages of the reference, by their names."""

from generated_pages import commands_page, options_page, python_page, settings_page

REFERENCE = {
    "reference/settings.md": settings_page.text,
    "reference/options.md": options_page.text,
    "reference/commands.md": commands_page.text,
    "reference/python.md": python_page.text,
}
