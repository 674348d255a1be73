package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/chappe-im/chappe/todevice"
)

// A tableRow is one row of any table, its values by column.
type tableRow struct {
	table  string
	values map[string]string
}

func (r tableRow) String() string {
	var out strings.Builder
	out.WriteString(r.table)
	for _, column := range slices.Sorted(maps.Keys(r.values)) {
		fmt.Fprintf(&out, " %s=%q", column, r.values[column])
	}
	return out.String()
}

// of tells whether a row has anything of a device: its inbox, which no other number of
// these tests is, or its ID, be it within a key or a type. Where another user has a
// device of this ID, their name is in the row.
func (r tableRow) of(d todevice.Device, otherUser string) bool {
	for _, value := range r.values {
		if value == itoa(d.Inbox) {
			return true
		}
	}
	text := r.String()
	return strings.Contains(text, d.ID) && !strings.Contains(text, otherUser)
}

// everything reads all rows of all tables, those to come included.
func everything(t testing.TB, s *Store) (all []tableRow) {
	t.Helper()
	tables, err := collectStrings(s, `SELECT name FROM sqlite_master WHERE type = 'table'`)
	if err != nil {
		t.Fatal(err)
	}
	for _, table := range tables {
		rows, err := s.readers.Query(`SELECT * FROM ` + table)
		if err != nil {
			t.Fatal(err)
		}
		columns, err := rows.Columns()
		if err != nil {
			t.Fatal(err)
		}
		read, err := collect(rows, nil, func(rows *sql.Rows) (tableRow, error) {
			values := make([]any, len(columns))
			for i := range values {
				values[i] = new(sql.RawBytes)
			}
			err := rows.Scan(values...)
			row := tableRow{table: table, values: make(map[string]string)}
			for i, column := range columns {
				row.values[column] = string(*values[i].(*sql.RawBytes))
			}
			return row, err
		})
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, read...)
	}
	return all
}

// equip gives a device something in every table that can have something of one.
func equip(t testing.TB, s *Store, d, sender todevice.Device) {
	t.Helper()
	fill(t, s, d, sender)
	accept(t, s, todevice.Batch{Sends: []todevice.Send{to(2, [2]string{d.User.Localpart, todevice.AllDevices})}})
	if _, err := s.BeginRTMSession(t.Context(), todevice.RTMSession{Device: d, App: "app", UID: d.User.Localpart, SID: "sid"}); err != nil {
		t.Fatal(err)
	}
	accept(t, s, latest(4, [2]string{d.User.Localpart, todevice.AllDevices}))
	key := todevice.RTMRequest{App: "app", Sender: sender.User.Localpart, Key: d.User.Localpart + " " + d.ID}
	accept(t, s, todevice.Batch{Source: todevice.Source{RTM: &key}, Sends: []todevice.Send{to(3, [2]string{d.User.Localpart, d.ID})}})
	err := s.SetAccountData(context.Background(), d.User.Localpart, deviceDataPrefix+d.ID, json.RawMessage(`{"is_silenced":true}`))
	if err == nil {
		err = s.RenameDevice(context.Background(), d.User.Localpart, d.ID, "name of "+d.ID)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// The marks that a device is gone, for those who know of it.
var marks = []string{"device_changes", "device_list_outbox"}

// Beside the device are another of its user and one of another user under the same
// ID. Which tables and columns there are is asked of the database, so that a new one
// cannot be forgotten.
func TestDeletedDeviceLeavesOnlyTheMarkThatItIsGone(t *testing.T) {
	ctx := context.Background()
	s := newStore(t)
	if _, err := s.writer.Exec(`INSERT INTO sqlite_sequence (name, seq) VALUES ('devices', 7000000)`); err != nil {
		t.Fatal(err)
	}
	alice := register(t, s, "alice", "A")
	gone, stays := register(t, s, "bob", "LEAVING"), register(t, s, "bob", "STAYING")
	namesake := register(t, s, "carol", "LEAVING")
	if err := s.NoteRemoteInterest(ctx, there, []string{"bob", "carol"}); err != nil {
		t.Fatal(err)
	}
	for _, d := range []todevice.Device{gone, stays, namesake} {
		equip(t, s, d, alice)
	}
	before := everything(t, s)
	for _, table := range append(tablesWith(t, s, "inbox"), "signatures", "account_data", "device_changes", "device_list_outbox") {
		if !slices.ContainsFunc(before, func(r tableRow) bool { return r.table == table && r.of(gone, "carol") }) {
			t.Errorf("%s has no row of the device: the test is blind to it", table)
		}
	}

	if err := s.DeleteDevice(ctx, gone.Inbox); err != nil {
		t.Fatal(err)
	}
	after := everything(t, s)
	for _, row := range after {
		if row.of(gone, "carol") && (!slices.Contains(marks, row.table) || row.values["deleted"] == "0") {
			t.Errorf("left is %s", row)
		}
	}
	was, is := others(before, gone), others(after, gone)
	for row := range was {
		if !is[row] {
			t.Errorf("gone with the device is %s", row)
		}
	}
	for row := range is {
		if !was[row] {
			t.Errorf("come with its end is %s", row)
		}
	}
	for _, d := range []todevice.Device{stays, namesake} {
		if got := waiting(t, s, d); len(got) < 2 {
			t.Errorf("%s of %s has only %q waiting", d.ID, d.User.Localpart, got)
		}
	}
}

// others gives the rows that the end of a device must not change. What changes with
// every write, and how many wait for a broadcast, is left out.
func others(rows []tableRow, gone todevice.Device) map[string]bool {
	out := make(map[string]bool)
	for _, row := range rows {
		delete(row.values, "waiting")
		if row.table != "this" && row.table != "sqlite_sequence" && !row.of(gone, "carol") {
			out[row.String()] = true
		}
	}
	return out
}

// The inbox of a device that is made again is another: nothing that is under way for
// the old one gets into it.
func TestDeviceMadeAgainUnderItsNameBeginsWithNothing(t *testing.T) {
	s := newStore(t)
	bob := register(t, s, "bob", "B")
	accept(t, s, numbered(bob.Inbox, 1))
	if err := s.DeleteDevice(context.Background(), bob.Inbox); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Session(context.Background(), "bob/B"); err == nil {
		t.Error("the deleted device's token still works")
	}
	if again := register(t, s, "bob", "B"); again.Inbox == bob.Inbox || len(waiting(t, s, again)) != 0 {
		t.Errorf("a device made again under the name has inbox %d, before %d", again.Inbox, bob.Inbox)
	}
}

// The name of a user who is no more may be within a key, a content or a type, too.
func TestDeactivatedUserIsWithinNoValueOfAnyTable(t *testing.T) {
	s := newStore(t)
	alice, bob := register(t, s, "alice", "A"), register(t, s, "bob", "LEAVING")
	if err := s.NoteRemoteInterest(context.Background(), there, []string{"bob"}); err != nil {
		t.Fatal(err)
	}
	fillUser(t, s, bob, alice)
	equip(t, s, bob, alice)
	if _, err := s.Deactivate(context.Background(), "bob"); err != nil {
		t.Fatal(err)
	}
	toBeTold := append(marks, "remote_interest", "interest", "own_view_changes")
	for _, row := range everything(t, s) {
		if strings.Contains(row.String(), "bob") && row.table != "deactivated_users" && !slices.Contains(toBeTold, row.table) {
			t.Errorf("left is %s", row)
		}
	}
}
