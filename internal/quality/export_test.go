package quality

// SetShortcutRows changes from how many rows on shortcuts are tried; below 0 is never.
func SetShortcutRows(n int64) (restore func()) {
	old := shortcutRows
	shortcutRows = n
	return func() { shortcutRows = old }
}

// SetGroupedRows changes from how many rows on a profile samples and scans.
func SetGroupedRows(n int64) (restore func()) {
	old := groupedRows
	groupedRows = n
	return func() { groupedRows = old }
}
