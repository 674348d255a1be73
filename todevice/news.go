package todevice

// News is what a device hears in /sync besides messages.
type News struct {
	// UpTo is the position up to which it tells all.
	UpTo Position
	// Changed lists the IDs of users whose devices or keys the device must look at
	// anew, Left those of whom it will not be told any more.
	//
	// https://spec.matrix.org/v1.15/client-server-api/#extensions-to-sync
	Changed, Left []string
	// AccountData is what of the user's has changed, in the order of the changes.
	AccountData []AccountData
	// Presence is the user's own, nil where it has not changed.
	Presence *Presence
}

// Empty tells whether there is nothing to hear.
func (n News) Empty() bool {
	return len(n.Changed) == 0 && len(n.Left) == 0 && len(n.AccountData) == 0 && n.Presence == nil
}
