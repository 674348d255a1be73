package main

// floorName is what reports call the floor that this program is as something.
func floorName(as string) string {
	switch as {
	case asFloor:
		return inMemoryFloor
	case asHub:
		return hubFloor
	}
	return as
}

// The floors, as reports call them.
const (
	inMemoryFloor = "net/http in memory"
	hubFloor      = "a bare WebSocket hub"
	bcryptFloor   = "bcrypt alone"
)
