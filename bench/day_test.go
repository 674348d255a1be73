package main

import (
	"context"
	"path/filepath"
	"testing"
)

// aDay lets hours of little traffic go by and gives how things were at the end of each.
func aDay(t *testing.T, hours int) []hour {
	d, err := newDay(t.Context(), filepath.Join(t.TempDir(), "chappe.db"), 8, 0.22, 256)
	if err != nil {
		t.Fatal(err)
	}
	defer d.close()
	var all []hour
	if err := d.run(t.Context(), hours, func(h hour) error { all = append(all, h); return nil }); err != nil {
		t.Fatal(err)
	}
	return all
}

func TestADayOfTrafficLeavesOnlyWhatWaitsAndWhatIsToBeRemembered(t *testing.T) {
	hours := aDay(t, remembered+3)
	last, before := hours[len(hours)-1], hours[len(hours)-3]
	perHour := last.Messages / int64(len(hours))
	if last.Messages < 20_000 || !last.Verdict.kept() {
		t.Errorf("%d messages, the verdict is: %v", last.Messages, last.Verdict)
	}
	// A sweep comes once an hour: so a request is remembered for an hour longer. Senders
	// and the sweep go on at once, so it is minutes more or less; without a sweep it would
	// be three hours.
	if requests := last.Rows["client_requests"]; requests < remembered*perHour-perHour/2 || requests > (remembered+1)*perHour+perHour/2 {
		t.Errorf("%d requests are remembered, want those of %d hours of %d each", requests, remembered, perHour)
	}
	// Without a sweep it would grow by a twelfth. Some pages more or less are chance.
	if grown := last.File - before.File; grown > before.File/25 {
		t.Errorf("the file has grown from %d to %d bytes in the last two hours", before.File, last.File)
	}
	if last.Free > last.File/10 {
		t.Errorf("%d of %d bytes are free", last.Free, last.File)
	}
	// Each device may have had a message when this was counted.
	bounded := map[string]int64{"inboxes": 8 * 100, "users": 8, "devices": 8, "access_tokens": 8, "device_changes": 8, "interest": 16,
		"this": 1, "sqlite_sequence": 1, "schema_migrations": 100, "client_requests": last.Messages}
	for table, rows := range last.Rows {
		if rows > bounded[table] {
			t.Errorf("%s has %d rows, want at most %d", table, rows, bounded[table])
		}
	}
}

// A day that cannot fail a store proves nothing.
func TestADayFindsOutWhatIsLost(t *testing.T) {
	d, err := newDay(t.Context(), filepath.Join(t.TempDir(), "chappe.db"), 2, 1, 256)
	if err != nil {
		t.Fatal(err)
	}
	defer d.close()
	first := d.devices[0]
	if err := d.send(t.Context(), 0, d.devices[1].User, 3); err != nil {
		t.Fatal(err)
	}
	waiting, _, err := d.store.Pending(context.Background(), d.devices[1].Inbox, 0)
	if err != nil || len(waiting) != 3 {
		t.Fatalf("%d messages wait (%v), want 3", len(waiting), err)
	}
	if _, err := d.store.Confirm(t.Context(), d.devices[1].Inbox, waiting[1].Position); err != nil {
		t.Fatal(err)
	}
	if v, err := d.verdict(t.Context()); err != nil || v.Lost != 2 {
		t.Errorf("the verdict is %+v (%v), want 2 lost", v, err)
	}
	if first.sent != 3 {
		t.Errorf("%d were sent, want 3", first.sent)
	}
}
