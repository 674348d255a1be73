package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chappe-im/chappe/todevice"
)

// noon is when the records of these tests begin.
func noon() time.Time { return time.Now().Truncate(time.Hour) }

func local(localpart string) todevice.UserID {
	return todevice.UserID{Localpart: localpart, Server: here}
}

// record is a message from a local user, to the user of a whole ID or to a channel. Its
// payload names both.
func record(source, destination string) todevice.RTMRecord {
	r := todevice.RTMRecord{App: "app", Source: local(source), Payload: source + " to " + destination, At: noon()}
	if user, err := todevice.ParseUserID(destination); err == nil {
		r.To = user
	} else {
		r.Channel = destination
	}
	return r
}

// keep stores records, a second after one another.
func keep(t testing.TB, s *Store, records ...todevice.RTMRecord) {
	t.Helper()
	for i := range records {
		records[i].At = records[i].At.Add(time.Duration(i) * time.Second)
	}
	accept(t, s, todevice.Batch{Records: records})
}

// wantHistory checks the payloads that a query finds, in order, and their count.
func wantHistory(t testing.TB, s *Store, q todevice.RTMQuery, page todevice.RTMPage, want ...string) {
	t.Helper()
	if q.Until.IsZero() {
		q.Until = noon().Add(time.Hour)
	}
	records, err := s.History(context.Background(), q, page)
	var got []string
	for _, r := range records {
		got = append(got, r.Payload)
	}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("%+v: got %q, %v, want %q", q, got, err, want)
	}
	n, err := s.CountHistory(context.Background(), q)
	if page == everyRecord && (err != nil || n != len(want)) {
		t.Errorf("%+v: counted %d, %v, want %d", q, n, err, len(want))
	}
}

var everyRecord = todevice.RTMPage{Limit: 1000}

func TestAHistoryIsAskedForBySourceAndDestination(t *testing.T) {
	s := newStore(t)
	bob, carol := "@bob:"+here, "@carol:elsewhere"
	ofAnotherApp := record("ann", bob)
	ofAnotherApp.App = "other"
	sameName := record("ann", "bob") // a channel
	keep(t, s, record("ann", bob), record("ann", carol), record("bob", "room"), record("ann", "room"), ofAnotherApp, sameName, record("eve", bob))
	ann := local("ann")
	for _, c := range []struct {
		query todevice.RTMQuery
		want  []string
	}{
		{todevice.RTMQuery{Source: ann}, []string{"ann to " + bob, "ann to " + carol, "ann to room", "ann to bob"}},
		{todevice.RTMQuery{To: local("bob")}, []string{"ann to " + bob, "eve to " + bob}},
		{todevice.RTMQuery{To: local("bob"), Channel: "bob"}, []string{"ann to " + bob, "ann to bob", "eve to " + bob}},
		{todevice.RTMQuery{Channel: "room"}, []string{"bob to room", "ann to room"}},
		{todevice.RTMQuery{Channel: bob}, nil},
		{todevice.RTMQuery{Source: ann, To: local("bob")}, []string{"ann to " + bob}},
		{todevice.RTMQuery{Source: ann, To: todevice.UserID{Localpart: "carol", Server: "elsewhere"}}, []string{"ann to " + carol}},
		{todevice.RTMQuery{Source: ann, Channel: "room"}, []string{"ann to room"}},
		{todevice.RTMQuery{Source: local("room"), Channel: "room"}, nil},
	} {
		c.query.App = "app"
		wantHistory(t, s, c.query, everyRecord, c.want...)
		slices.Reverse(c.want)
		wantHistory(t, s, c.query, todevice.RTMPage{Descending: true, Limit: 1000}, c.want...)
	}
	wantHistory(t, s, todevice.RTMQuery{App: "other", Source: ann}, everyRecord, "ann to "+bob)
}

func TestARecordComesBackAsItWas(t *testing.T) {
	s := newStore(t)
	for _, destination := range []string{"@bob:elsewhere", "#!@ room:with.marks"} {
		want := record("ann", destination)
		want.Payload, want.At = "\x00 <&> \U0001F600 \u2028", time.Now().Truncate(time.Millisecond)
		keep(t, s, want)
		got, err := s.History(context.Background(), todevice.RTMQuery{App: "app", To: want.To, Channel: want.Channel, Until: want.At}, everyRecord)
		if err != nil || len(got) != 1 || !got[0].At.Equal(want.At) {
			t.Fatalf("got %+v, %v", got, err)
		}
		if got[0].At = want.At; got[0] != want {
			t.Errorf("got %+v, want %+v", got[0], want)
		}
	}
}

func TestBothEndsOfATimeCount(t *testing.T) {
	s := newStore(t)
	keep(t, s, record("ann", "a"), record("ann", "b"), record("ann", "c"))
	query := func(from, until time.Duration) todevice.RTMQuery {
		return todevice.RTMQuery{App: "app", Source: local("ann"), From: noon().Add(from), Until: noon().Add(until)}
	}
	ab := []string{"ann to a", "ann to b"}
	wantHistory(t, s, query(0, time.Second), everyRecord, ab...)
	wantHistory(t, s, query(1, time.Second), everyRecord, ab[1:]...)
	wantHistory(t, s, query(0, time.Second-1), everyRecord, ab[:1]...)
	wantHistory(t, s, query(2*time.Second+1, time.Hour), everyRecord)
	wantHistory(t, s, query(time.Hour, 0), everyRecord)
}

func TestPagesOfAHistoryFollowOneAnother(t *testing.T) {
	s := newStore(t)
	var all []string
	for i := range 5 {
		r := record("ann", "room") // all at one time: in the order they came in
		r.Payload = fmt.Sprint(i)
		accept(t, s, todevice.Batch{Records: []todevice.RTMRecord{r}})
		all = append(all, r.Payload)
	}
	q := todevice.RTMQuery{App: "app", Channel: "room"}
	for _, descending := range []bool{false, true} {
		for offset := range 7 {
			end := min(offset+2, 5)
			wantHistory(t, s, q, todevice.RTMPage{Descending: descending, Offset: offset, Limit: 2}, all[min(offset, 5):end]...)
		}
		slices.Reverse(all)
	}
}

func TestARepeatedOrRefusedRequestLeavesNoSecondRecord(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "chappe.db"), Options{MaxInboxRows: 1})
	register(t, s, "bob", "B")
	batch := func(key string) todevice.Batch {
		b := keyed(todevice.RTMRequest{App: "app", Sender: "ann", Key: key})
		b.Records = []todevice.RTMRecord{record("ann", "@bob:"+here)}
		return b
	}
	accept(t, s, batch("k"))
	accept(t, s, batch("k"))
	if _, err := s.Accept(context.Background(), batch("k2")); !errors.Is(err, todevice.ErrInboxFull) {
		t.Errorf("another request: %v", err)
	}
	if n := rows(t, s, "rtm_history"); n != 1 {
		t.Errorf("%d records are kept, want 1", n)
	}
}

func TestWhatIsTooOldIsNotFoundAndThenGone(t *testing.T) {
	ctx := context.Background()
	now := time.Now()
	s := open(t, filepath.Join(t.TempDir(), "chappe.db"), Options{HistoryAge: time.Hour, Now: func() time.Time { return now }})
	r := record("ann", "room")
	r.At = now.Truncate(time.Millisecond)
	for range 2*historyRows + 1 {
		accept(t, s, todevice.Batch{Records: []todevice.RTMRecord{r}})
	}
	q := todevice.RTMQuery{App: "app", Channel: "room", Until: now.Add(time.Hour)}
	for _, c := range []struct {
		at   time.Time
		want int
	}{{r.At.Add(time.Hour), 2*historyRows + 1}, {r.At.Add(time.Hour + time.Millisecond), 0}} {
		now = c.at
		if n, err := s.CountHistory(ctx, q); err != nil || n != c.want {
			t.Errorf("before the sweep %d are found, %v, want %d", n, err, c.want)
		}
		if was, err := s.WasInChannel(ctx, "app", local("ann"), "room"); err != nil || was != (c.want > 0) {
			t.Errorf("the sender was there: %t, %v", was, err)
		}
		if _, err := s.Sweep(ctx, now); err != nil {
			t.Fatal(err)
		}
		if n := rows(t, s, "rtm_history"); n != c.want {
			t.Errorf("after the sweep there are %d, want %d", n, c.want)
		}
	}
	if n := rows(t, s, "rtm_history_sizes WHERE bytes <> 0"); n != 0 {
		t.Error("an empty history is counted as if it were not")
	}
}

// sized is a record that is counted for so many bytes.
func sized(payload string, bytes int) todevice.RTMRecord {
	r := record("ann", "room")
	names := len(r.Source.String()) + len(r.Channel)
	r.Payload = payload + strings.Repeat(".", bytes-recordBytes-names-len(payload))
	return r
}

func TestTheOldestMakeRoomForTheNewest(t *testing.T) {
	ctx := context.Background()
	path := filepath.Join(t.TempDir(), "chappe.db")
	s := open(t, path, Options{HistoryBytes: 10_000})
	first := func() string {
		records, err := s.History(ctx, todevice.RTMQuery{App: "app", Channel: "room", Until: noon().Add(time.Hour)}, todevice.RTMPage{Limit: 1})
		if err != nil || len(records) != 1 {
			t.Fatalf("%+v, %v", records, err)
		}
		return strings.Trim(records[0].Payload, ".")
	}
	ofAnotherApp := sized("other", 10_000)
	ofAnotherApp.App = "other"
	keep(t, s, ofAnotherApp)
	for i := range 20 {
		keep(t, s, sized(fmt.Sprint(i), 500))
	}
	if got := first(); got != "0" {
		t.Errorf("of what has room the oldest is %s", got)
	}
	keep(t, s, sized("20", 501))
	if got := first(); got != "2" {
		t.Errorf("after one byte more than a record's room the oldest is %s, want 2", got)
	}
	keep(t, s, sized("large", 10_000))
	if got := first(); got != "large" {
		t.Errorf("the oldest is %s", got)
	}
	if n := rows(t, s, `rtm_history WHERE app = 'other'`); n != 1 {
		t.Error("another app's history has made room")
	}
}

func TestALoweredLimitIsSweptToInSmallCommits(t *testing.T) {
	path := filepath.Join(t.TempDir(), "chappe.db")
	s := open(t, path, Options{})
	const records = 3 * historyRows
	for i := range records {
		keep(t, s, sized(fmt.Sprint(i), 300))
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, path, Options{HistoryBytes: 3000})
	keep(t, s, sized("new", 300))
	if n := rows(t, s, "rtm_history"); n != records+1-historyRows {
		t.Errorf("after one message there are %d", n)
	}
	if _, err := s.Sweep(context.Background(), time.Now()); err != nil {
		t.Fatal(err)
	}
	if n := rows(t, s, "rtm_history"); n != 10 {
		t.Errorf("after the sweep there are %d, want 10", n)
	}
}

func TestTheHistoryOfWhoIsNoUserOutlivesAVainDeactivation(t *testing.T) {
	s := newStore(t)
	keep(t, s, record("ann", "room"))
	if _, err := s.Deactivate(context.Background(), "ann"); !errors.Is(err, todevice.ErrUnknownUser) {
		t.Errorf("got %v", err)
	}
	if n := rows(t, s, "rtm_history"); n != 1 {
		t.Error("the record is gone")
	}
}

func TestAUsersLongHistoryGoesWithTheAccount(t *testing.T) {
	s := newStore(t)
	register(t, s, "bob", "B")
	for range historyRows + 1 {
		keep(t, s, record("bob", "@carol:"+here), record("carol", "@bob:"+here))
	}
	keep(t, s, record("carol", "bob")) // a channel
	if _, err := s.Deactivate(context.Background(), "bob"); err != nil {
		t.Fatal(err)
	}
	if n := rows(t, s, "rtm_history"); n != 1 {
		t.Errorf("%d records are left, want that of a channel of the same name", n)
	}
}

func TestAHistoryFindsItsIndexes(t *testing.T) {
	s := newStore(t)
	for _, q := range []todevice.RTMQuery{{Source: local("ann")}, {To: local("bob")}, {Channel: "room"}, {Source: local("ann"), To: local("bob"), Channel: "room"}} {
		query, args := s.findHistory(`id, at`, q)
		rows, err := s.readers.Query(`EXPLAIN QUERY PLAN `+query+` ORDER BY at, id`, args...)
		plan, err := collect(rows, err, func(rows *sql.Rows) (text string, err error) {
			var skip any
			return text, rows.Scan(&skip, &skip, &skip, &text)
		})
		if err != nil {
			t.Fatal(err)
		}
		for _, step := range plan {
			if strings.HasPrefix(step, "SCAN") || strings.Contains(step, "SEARCH") && !strings.Contains(step, "at>? AND at<?") {
				t.Errorf("%+v: %q", q, plan)
			}
		}
	}
}
