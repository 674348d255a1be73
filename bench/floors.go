package main

// The floors, as reports call them.
const (
	inMemoryFloor    = "net/http in memory"
	durableFloorName = "the same with SQLite group commit"
	sqliteFloor      = "SQLite alone"
	hubFloor         = "a bare WebSocket hub"
	bcryptFloor      = "bcrypt alone"
)

// A floorKind is something that is measured beside Chappe.
type floorKind struct {
	as    string // what this program is then, see -as; "" where it is no server
	name  string
	about string
}

func floors() []floorKind {
	return []floorKind{
		{asFloor, inMemoryFloor, "the least that answers the requests over HTTP. It knows no accounts, checks nothing, " +
			"parses no JSON where it need not, and forgets what it has handed out."},
		{asDurable, durableFloorName, "that, but a message is on disk before its PUT is answered, and off it before the `/sync` that " +
			"confirms it is. What waits shares a commit of at most 512 changes, and so one fsync."},
		{asSQLite, sqliteFloor, "the rows that Chappe leaves in its schema, inserted by one goroutine through prepared statements, " +
			"512 messages in a transaction, with nothing else between it and SQLite's driver."},
		{asHub, hubFloor, "the least that serves RTM sessions. It writes a message as a frame once for all who get it, " +
			"keeps nothing and has no rules."},
		{"", bcryptFloor, "the comparing of passwords on all cores, without a server."},
		{"", emptyFile, "Chappe itself, with a file in which nothing waits."},
	}
}

// floorName is what reports call the floor that this program is as something.
func floorName(as string) string {
	for _, f := range floors() {
		if f.as == as {
			return f.name
		}
	}
	return as
}
