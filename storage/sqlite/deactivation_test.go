package sqlite

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chappe-im/chappe/todevice"
)

// mentions lists "table.column" of everything that names a user.
func mentions(t testing.TB, s *Store, user todevice.UserID) (places []string) {
	t.Helper()
	columns, err := collectStrings(s, `SELECT m.name || '.' || c.name FROM sqlite_master m JOIN pragma_table_info(m.name) c
		WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite%'`)
	if err != nil {
		t.Fatal(err)
	}
	for _, column := range columns {
		table, name, _ := strings.Cut(column, ".")
		if rows(t, s, fmt.Sprintf(`%s WHERE %s IN ('%s', '%s')`, table, name, user.Localpart, user)) > 0 {
			places = append(places, column)
		}
	}
	return places
}

// fillUser gives a user something in every table that can have something of one.
func fillUser(t testing.TB, s *Store, bob, alice todevice.Device) {
	t.Helper()
	ctx := context.Background()
	fill(t, s, bob, alice)
	set(t, s, alice.User, crossSigning("AM", "AS", "AU"))
	sign(t, s, signature(bob.User, "U", alice.User, "AM"), signature(alice.User, "AU", bob.User, "M"))
	backUp(t, s, "bob", 1)
	backUp(t, s, "alice", 1)
	for _, sender := range []string{"alice", "bob"} {
		accept(t, s, todevice.Batch{Source: todevice.Source{RTM: &todevice.RTMRequest{App: "app", Sender: sender, Key: "k"}}})
		accept(t, s, todevice.Batch{Records: []todevice.RTMRecord{
			record(sender, "@carol:"+here), record("carol", "@"+sender+":"+here), record(sender, "room"),
		}})
	}
	attribute := todevice.ChannelAttributeChange{Channel: todevice.Channel{App: "app", Name: "room"}, UID: "bob", Localpart: "bob",
		Set: map[string]string{"k": "v"}, MaxBytes: 10}
	_, attributed := s.ChangeChannelAttributes(ctx, attribute)
	for _, d := range []todevice.Device{bob, alice} {
		accept(t, s, todevice.Batch{Guests: []todevice.ChannelGuestChange{{ChannelGuest: todevice.ChannelGuest{Channel: lobby, User: d.User}}}})
	}
	name := "Bob"
	_, filtered := s.MakeFilter(ctx, "bob", json.RawMessage(`{}`))
	for _, err := range []error{
		s.SetProfile(ctx, "bob", todevice.ProfileChange{DisplayName: &name}),
		s.MakeOpenIDToken(ctx, "bob", "openid", time.Now().Add(time.Hour)),
		s.MakeLoginToken(ctx, "bob", "login", time.Hour),
		filtered, attributed,
		s.SetAccountData(ctx, "bob", "m.test", json.RawMessage(`{}`)),
		s.SetPresence(ctx, "bob", todevice.Online, nil),
		s.NoteInterest(ctx, "bob", []todevice.UserID{{Localpart: "old", Server: there}}),
		sweepInterest(s),
		s.NoteInterest(ctx, "bob", []todevice.UserID{alice.User}),
		s.NoteInterest(ctx, "alice", []todevice.UserID{bob.User}),
		s.NoteRemoteInterest(ctx, there, []string{"bob"}),
		s.NoteInChannel(ctx, "app", bob.User, "room"),
		s.NoteInChannel(ctx, "app", alice.User, "room"),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
}

// sweepInterest loses all interest there is.
func sweepInterest(s *Store) error {
	return s.write(context.Background(), func(t *tx) error {
		_, err := t.loseInterest(time.Now().Add(time.Hour))
		return err
	})
}

func TestDeactivationLeavesOnlyTheNameAndWhatIsToBeTold(t *testing.T) {
	ctx := context.Background()
	s := newStore(t)
	alice, bob := register(t, s, "alice", "A"), register(t, s, "bob", "B")
	second := register(t, s, "bob", "B2")
	fillUser(t, s, bob, alice)
	others := mentions(t, s, alice.User)
	for _, table := range tablesWith(t, s, "localpart") {
		if table != "deactivated_users" && table != "device_list_outbox" && !slices.Contains(mentions(t, s, bob.User), table+".localpart") {
			t.Errorf("%s has nothing of the user: the test is blind to it", table)
		}
	}
	gone, err := s.Deactivate(ctx, "bob")
	if want := []todevice.InboxID{bob.Inbox, second.Inbox}; err != nil || !slices.Equal(gone, want) {
		t.Errorf("got %v, %v, want %v", gone, err, want)
	}
	want := []string{"deactivated_users.localpart", "device_changes.localpart", "device_list_outbox.localpart", "interest.user_id",
		"own_view_changes.user_id", "remote_interest.localpart"}
	if got := mentions(t, s, bob.User); !slices.Equal(slices.Sorted(slices.Values(got)), want) {
		t.Errorf("left are %q, want %q", got, want)
	}
	if got := rows(t, s, `device_changes WHERE localpart = 'bob' AND NOT deleted`); got != 0 {
		t.Errorf("%d devices are not marked as gone", got)
	}
	for _, place := range others {
		if strings.HasSuffix(place, ".localpart") && !slices.Contains(mentions(t, s, alice.User), place) {
			t.Errorf("another user has lost %s", place)
		}
	}
	for place, n := range map[string]int{"rtm_history": 3, "rtm_channel_visits": 1} {
		if got := rows(t, s, place); got != n {
			t.Errorf("%d rows of %s are left, want the %d of another user", got, place, n)
		}
	}
	if n := rows(t, s, "broadcasts") + rows(t, s, "inboxes"); n != 0 {
		t.Errorf("%d messages wait for nobody", n)
	}
	for _, token := range []string{"bob/B", "bob/B2"} {
		if _, err := s.Session(ctx, token); !errors.Is(err, todevice.ErrUnknownToken) {
			t.Errorf("%s: %v", token, err)
		}
	}
}

func TestNameOfADeactivatedUserIsNeverGivenOutAgain(t *testing.T) {
	ctx := context.Background()
	path := filepath.Join(t.TempDir(), "chappe.db")
	s := open(t, path, Options{})
	register(t, s, "bob", "B")
	if _, err := s.Deactivate(ctx, "bob"); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, path, Options{})
	if _, err := s.Register(ctx, todevice.Account{Localpart: "bob"}, todevice.Login{DeviceID: "B", Token: "t"}); !errors.Is(err, todevice.ErrUserExists) {
		t.Errorf("register: %v", err)
	}
	if err := s.CreateUser(ctx, todevice.Account{Localpart: "bob"}); !errors.Is(err, todevice.ErrUserExists) {
		t.Errorf("create: %v", err)
	}
	_, ensured := s.EnsureDevice(ctx, "bob", "RTM")
	_, account := s.Account(ctx, "bob")
	_, again := s.Deactivate(ctx, "bob")
	_, password := s.SetPassword(ctx, todevice.PasswordChange{Localpart: "bob"})
	for what, err := range map[string]error{"device": ensured, "account": account, "again": again, "password": password} {
		if !errors.Is(err, todevice.ErrUserDeactivated) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if _, err := s.Login(ctx, "bob", todevice.Login{DeviceID: "B", Token: "t"}); !errors.Is(err, todevice.ErrUnknownUser) {
		t.Errorf("login: %v", err)
	}
	if _, err := s.Deactivate(ctx, "nobody"); !errors.Is(err, todevice.ErrUnknownUser) {
		t.Errorf("nobody: %v", err)
	}
	if n := rows(t, s, "users") + rows(t, s, "devices"); n != 0 {
		t.Errorf("%d rows were made", n)
	}
}

func TestServersAreToldThatADeactivatedUserHasNoDevices(t *testing.T) {
	ctx := context.Background()
	s := newStore(t)
	alice, bob := register(t, s, "alice", "A"), register(t, s, "bob", "B")
	fillUser(t, s, bob, alice)
	if txn := next(t, s, there, 1<<20); txn != nil {
		done(t, s, txn)
	}
	if _, err := s.Deactivate(ctx, "bob"); err != nil {
		t.Fatal(err)
	}
	told := strings.Join(texts(next(t, s, there, 1<<20)), "\n")
	for _, words := range []string{`"device_id":"B"`, `"deleted":true`, `{"content":{"user_id":"@bob:here.test"},"edu_type":"m.signing_key_update"}`} {
		if !strings.Contains(told, words) {
			t.Errorf("%s is not in %s", words, told)
		}
	}
	if users, err := s.QueryKeys(ctx, alice.User, []todevice.KeyQuery{{Localpart: "bob"}}); err != nil || len(users) != 0 {
		t.Errorf("keys %v, %v", users, err)
	}
	list, err := s.DeviceList(ctx, "bob")
	if err != nil || len(list.Devices) != 0 || list.Master != nil || list.StreamID == 0 {
		t.Errorf("device list %v, %v", list, err)
	}
	if _, err := s.DeviceList(ctx, "nobody"); !errors.Is(err, todevice.ErrUnknownUser) {
		t.Errorf("device list of nobody: %v", err)
	}
}

func TestPasswordChangeEndsTheDevicesItIsToEnd(t *testing.T) {
	ctx := context.Background()
	s := newStore(t)
	b1, b2 := register(t, s, "bob", "B1"), register(t, s, "bob", "B2")
	if err := s.MakeLoginToken(ctx, "bob", "login", time.Hour); err != nil {
		t.Fatal(err)
	}
	hash := func() string {
		account, err := s.Account(ctx, "bob")
		if err != nil {
			t.Fatal(err)
		}
		return account.PasswordHash
	}
	for _, c := range []struct {
		change todevice.PasswordChange
		gone   []todevice.InboxID
		err    error
	}{
		{todevice.PasswordChange{PasswordHash: "1", Except: b1.Inbox}, nil, nil},
		{todevice.PasswordChange{PasswordHash: "2", LogOut: true, Except: b1.Inbox}, []todevice.InboxID{b2.Inbox}, nil},
		{todevice.PasswordChange{PasswordHash: "no", LogOut: true, Except: b2.Inbox}, nil, todevice.ErrUnknownDevice},
		{todevice.PasswordChange{PasswordHash: "3", LogOut: true}, []todevice.InboxID{b1.Inbox}, nil},
	} {
		c.change.Localpart = "bob"
		gone, err := s.SetPassword(ctx, c.change)
		if !errors.Is(err, c.err) || !slices.Equal(gone, c.gone) || (hash() == c.change.PasswordHash) != (c.err == nil) {
			t.Errorf("%+v: got %v, %v, hash %q", c.change, gone, err, hash())
		}
	}
	if _, err := s.LoginByToken(ctx, "login", todevice.Login{DeviceID: "B3", Token: "t"}); !errors.Is(err, todevice.ErrUnknownToken) {
		t.Errorf("a login token from before: %v", err)
	}
}

func TestPasswordThatWasChangedMeanwhileLogsNobodyIn(t *testing.T) {
	ctx := context.Background()
	s := newStore(t)
	register(t, s, "bob", "B")
	for _, c := range []struct {
		checked string
		want    error
	}{{"old", todevice.ErrUnknownUser}, {"new", nil}, {"", nil}} {
		if _, err := s.SetPassword(ctx, todevice.PasswordChange{Localpart: "bob", PasswordHash: "new", LogOut: true}); err != nil {
			t.Fatal(err)
		}
		_, err := s.Login(ctx, "bob", todevice.Login{DeviceID: "B", Token: "t", PasswordHash: c.checked})
		if !errors.Is(err, c.want) || rows(t, s, "devices") == 0 != (c.want != nil) {
			t.Errorf("%q: %v, %d devices", c.checked, err, rows(t, s, "devices"))
		}
	}
}

func TestAccountsAreListedWithThoseWhoAreGone(t *testing.T) {
	ctx := context.Background()
	s := newStore(t)
	register(t, s, "bob", "B")
	register(t, s, "bob", "B2")
	register(t, s, "carol", "C")
	if err := s.CreateUser(ctx, todevice.Account{Localpart: "alice", Admin: true}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Deactivate(ctx, "carol"); err != nil {
		t.Fatal(err)
	}
	list, err := s.Accounts(ctx)
	var got []string
	for _, a := range list {
		got = append(got, fmt.Sprint(a.Localpart, a.Admin, a.Devices, !a.Deactivated.IsZero(), time.Since(a.Created) < time.Hour))
	}
	if want := []string{"alicetrue 0 false true", "bobfalse 2 false true", "carolfalse 0 true true"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
}

func TestDeactivationThatFailsHasDoneNothing(t *testing.T) {
	ctx := context.Background()
	s, driver := newFaultyStore(t)
	alice, bob := register(t, s, "alice", "A"), register(t, s, "bob", "B")
	fillUser(t, s, bob, alice)
	before := mentions(t, s, bob.User)
	failed := 0
	for k := 1; ; k++ {
		driver.FailAt(k)
		_, err := s.Deactivate(ctx, "bob")
		happened := driver.Failed()
		driver.FailAt(0)
		if !happened {
			break
		}
		failed++
		if err == nil || !slices.Equal(mentions(t, s, bob.User), before) {
			t.Fatalf("write %d failed: %v", k, err)
		}
		use(t, s, "bob/B", nil)
		if !s.sessions.has(bob.Inbox) {
			t.Fatalf("write %d failed: the token is not remembered any more", k)
		}
		if got := waiting(t, s, bob); len(got) != 1 {
			t.Fatalf("write %d failed: %q wait", k, got)
		}
	}
	if failed < 10 {
		t.Errorf("only %d writes failed", failed)
	}
	use(t, s, "bob/B", todevice.ErrUnknownToken)
}
