"""The steps of a job: in which order and whether they run (`steps`, `conditions`), where (`directories`), and by what (`shells`)."""
