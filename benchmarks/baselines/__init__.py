"""What sweepboard is measured against: each program is what a competent user of that kind of tool writes."""
