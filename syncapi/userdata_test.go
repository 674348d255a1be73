package syncapi_test

import (
	"encoding/json"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/chappe-im/chappe/internal/matrixspec"
	"github.com/chappe-im/chappe/todevice"
)

// syncWith is a sync with more parameters, answered at once.
func (d *door) syncWith(device todevice.Device, since string, params url.Values) answer {
	d.t.Helper()
	if since != "" {
		params.Set("since", since)
	}
	r := httptest.NewRequest("GET", "/_matrix/client/v3/sync?"+params.Encode(), nil)
	r.Header.Set("Authorization", "Bearer "+device.User.Localpart+"/"+device.ID)
	w := httptest.NewRecorder()
	matrixspec.Checked(d.t, d.handler).ServeHTTP(w, r)
	a := answer{status: w.Code}
	if err := json.Unmarshal(w.Body.Bytes(), &a); err != nil {
		d.t.Fatalf("%s: %v", w.Body, err)
	}
	_ = json.Unmarshal(w.Body.Bytes(), &a.raw)
	return a
}

func (d *door) wantRaw(a answer, key, want string) {
	d.t.Helper()
	if got := string(a.raw[key]); got != want {
		d.t.Errorf("%s is %s, want %s", key, got, want)
	}
}

const noEvents = `{"events":[]}`

func TestAccountDataComesToAllDevicesOfTheUserAndEndsTheirPolls(t *testing.T) {
	inBubble(t, func(t *testing.T, d *door) {
		ctx, phone, tablet, carol := t.Context(), d.device("bob", "phone"), d.device("bob", "tablet"), d.device("carol", "C")
		since, carols := d.sync(ctx, tablet, "", 0).NextBatch, d.sync(ctx, carol, "", 0).NextBatch
		var a answer
		var poll sync.WaitGroup
		poll.Go(func() { a = d.sync(ctx, tablet, since, 30*time.Second) })
		time.Sleep(2 * time.Second)
		d.must(d.store.SetAccountData(ctx, "bob", "m.one", json.RawMessage(`{"n":12345678901234567890}`)))
		poll.Wait()
		d.wantRaw(a, "account_data", `{"events":[{"type":"m.one","content":{"n":12345678901234567890}}]}`)
		if a.took != 2*time.Second {
			t.Errorf("after %v", a.took)
		}
		d.must(d.store.SetAccountData(ctx, "bob", "m.two", json.RawMessage(`{}`)))
		d.wantRaw(d.sync(ctx, tablet, a.NextBatch, 0), "account_data", `{"events":[{"type":"m.two","content":{}}]}`)
		d.wantRaw(d.sync(ctx, phone, "", 0), "account_data",
			`{"events":[{"type":"m.one","content":{"n":12345678901234567890}},{"type":"m.two","content":{}}]}`)
		d.wantRaw(d.sync(ctx, carol, carols, 0), "account_data", noEvents)
	})
}

func TestFilterHidesAccountDataAndNothingElse(t *testing.T) {
	inBubble(t, func(t *testing.T, d *door) {
		ctx, bob := t.Context(), d.device("bob", "B")
		id, err := d.store.MakeFilter(ctx, "bob", json.RawMessage(`{"account_data":{"types":[]},"presence":{"types":[]},"room":{"timeline":{"limit":1}}}`))
		d.must(err)
		since := d.sync(ctx, bob, "", 0).NextBatch
		d.must(d.store.SetAccountData(ctx, "bob", "m.one", json.RawMessage(`{}`)))
		d.must(d.store.SetPresence(ctx, "bob", todevice.Unavailable, nil))
		d.must(d.store.RenameDevice(ctx, "bob", "B", "Phone"))
		d.send(bob, 1)
		for _, filter := range []string{id, `{"account_data":{"not_types":["*"]},"presence":{"not_senders":["@bob:here.test"]}}`} {
			a := d.syncWith(bob, since, url.Values{"filter": {filter}})
			d.wantRaw(a, "account_data", noEvents)
			d.wantRaw(a, "presence", noEvents)
			if changed, _ := a.lists(t); len(changed) != 1 || len(a.numbers()) != 1 {
				t.Errorf("filter %s: changed %v, messages %v", filter, changed, a.numbers())
			}
		}
		a := d.syncWith(bob, since, url.Values{"filter": {`{"account_data":{"types":["m.*"]}}`}})
		d.wantRaw(a, "account_data", `{"events":[{"type":"m.one","content":{}}]}`)
		d.wantRaw(a, "presence", `{"events":[{"type":"m.presence","sender":"@bob:here.test","content":{"presence":"unavailable"}}]}`)
		for _, filter := range []string{"999", "nonsense", `{"account_data":`, `{"account_data":[]}`} {
			if a := d.syncWith(bob, a.NextBatch, url.Values{"filter": {filter}}); a.status != 400 || a.Errcode != "M_INVALID_PARAM" {
				t.Errorf("filter %s: %d %s", filter, a.status, a.Errcode)
			}
		}
		if got := d.sync(ctx, bob, since, 0).numbers(); len(got) != 1 {
			t.Errorf("a refused request confirmed: %v", got)
		}
	})
}

// A poll that the filter keeps asleep goes on, with what it has passed over.
func TestWhatIsFilteredOutEndsNoPoll(t *testing.T) {
	inBubble(t, func(t *testing.T, d *door) {
		bob := d.device("bob", "B")
		since := d.sync(t.Context(), bob, "", 0).NextBatch
		var took time.Duration
		var poll sync.WaitGroup
		poll.Go(func() {
			begun := time.Now()
			d.syncWith(bob, since, url.Values{"filter": {`{"account_data":{"types":[]}}`}, "timeout": {"10000"}})
			took = time.Since(begun)
		})
		synctest.Wait()
		d.must(d.store.SetAccountData(t.Context(), "bob", "m.one", json.RawMessage(`{}`)))
		poll.Wait()
		if took != 10*time.Second {
			t.Errorf("ended after %v", took)
		}
	})
}

func TestSetPresenceIsKeptWhenAClientSaysSomethingElseThanBefore(t *testing.T) {
	inBubble(t, func(t *testing.T, d *door) {
		phone, tablet := d.device("bob", "phone"), d.device("bob", "tablet")
		say := func(device todevice.Device, state string) {
			t.Helper()
			if a := d.syncWith(device, "", url.Values{"set_presence": {state}}); a.status != 200 {
				t.Fatalf("%d %s", a.status, a.Errcode)
			}
		}
		want := func(state todevice.PresenceState) {
			t.Helper()
			if got, err := d.store.Presence(t.Context(), "bob"); err != nil || got.State != state {
				t.Errorf("got %+v, %v, want %s", got, err, state)
			}
		}
		say(phone, "online")
		want(todevice.Online)
		say(tablet, "unavailable")
		want(todevice.Unavailable)
		before := d.store.Head()
		for range 3 {
			say(phone, "online")
			say(tablet, "unavailable")
		}
		want(todevice.Unavailable)
		if d.store.Head() != before {
			t.Error("two clients that differ go on changing it")
		}
		say(phone, "offline")
		want(todevice.Offline)
		say(phone, "")
		want(todevice.Offline)
	})
}
