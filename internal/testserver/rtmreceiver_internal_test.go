package testserver

import "testing"

// What comes again to a session is excused only where the acknowledgement may have been
// lost.
func TestOnlyTheLatestMessagesMayComeAgain(t *testing.T) {
	const newConnection, confirm = 0, -1 // confirm is for the message that follows
	for name, c := range map[string]struct {
		came  []int
		again int
	}{
		"nothing":                     {[]int{1, 2, newConnection, 3}, 0},
		"the last":                    {[]int{1, 2, newConnection, 2, 3}, 1},
		"all":                         {[]int{1, 2, newConnection, 1, 2, 3}, 2},
		"over two breaks":             {[]int{1, 2, newConnection, newConnection, 1, newConnection, 2, 3}, 2},
		"on the same connection":      {[]int{1, 2, 2}, 0},
		"after something new":         {[]int{1, 2, newConnection, 3, 2}, 0},
		"twice on one connection":     {[]int{1, 2, newConnection, 2, 2}, 1},
		"with a gap":                  {[]int{1, 2, 3, newConnection, 1, 3}, 1},
		"what had lasted before":      {[]int{1, 2, newConnection, 2, newConnection, 1}, 1},
		"after it was confirmed":      {[]int{1, 2, confirm, 2, newConnection, 2}, 0},
		"before what was confirmed":   {[]int{1, 2, confirm, 2, newConnection, 1}, 0},
		"behind what was confirmed":   {[]int{1, 2, 3, confirm, 2, newConnection, 3}, 1},
		"confirmed on the connection": {[]int{1, 2, newConnection, 1, confirm, 1, 2, 3}, 2},
	} {
		var r RTMReceiver
		for i := 0; i < len(c.came); i++ {
			switch number := c.came[i]; number {
			case newConnection:
				r.place = 0
			case confirm:
				i++
				r.Confirmed(Message{Number: c.came[i]})
			default:
				r.again(Message{Number: number})
			}
		}
		if got := r.Repeated(); got != c.again {
			t.Errorf("%s: %d are excused, want %d", name, got, c.again)
		}
	}
}
