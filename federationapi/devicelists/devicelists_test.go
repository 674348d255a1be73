package devicelists_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/matrix-org/gomatrixserverlib/spec"
	"github.com/sirupsen/logrus"

	"github.com/chappe-im/chappe/federationapi/devicelists"
	"github.com/chappe-im/chappe/federationapi/remote"
	"github.com/chappe-im/chappe/storage/sqlite"
	"github.com/chappe-im/chappe/todevice"
)

var alice = todevice.UserID{Localpart: "alice", Server: "here.test"}

// A rig is a refresher that runs, on a real database, inside a synctest bubble.
type rig struct {
	t     *testing.T
	store *sqlite.Store
	lists *devicelists.Refresher
	stop  func()

	mu     sync.Mutex
	answer func(todevice.UserID) (todevice.RemoteDeviceList, error) // guarded by mu
	asked  int                                                      // guarded by mu
	now    int                                                      // asked at this moment; guarded by mu
	most   int                                                      // guarded by mu
}

// inBubble runs a test in a bubble with a path for its database.
func inBubble(t *testing.T, test func(t *testing.T, path string)) {
	path := filepath.Join(t.TempDir(), "chappe.db")
	synctest.Test(t, func(t *testing.T) { test(t, path) })
}

func start(t *testing.T, path string, answer func(todevice.UserID) (todevice.RemoteDeviceList, error)) *rig {
	t.Helper()
	store, err := sqlite.Open(path, sqlite.Options{ServerName: "here.test"})
	if err != nil {
		t.Fatal(err)
	}
	log := logrus.New()
	log.SetOutput(io.Discard)
	r := &rig{t: t, store: store, answer: answer}
	r.lists = devicelists.New(store, r, func() float64 { return 0 }, logrus.NewEntry(log))
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- r.lists.Run(ctx) }()
	r.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Run: %v", err)
		}
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(r.stop)
	synctest.Wait()
	return r
}

// UserDevices answers as the test says, after a second.
func (r *rig) UserDevices(_ context.Context, user todevice.UserID) (todevice.RemoteDeviceList, error) {
	r.mu.Lock()
	r.asked++
	r.now++
	r.most = max(r.most, r.now)
	answer := r.answer
	r.mu.Unlock()
	time.Sleep(time.Second)
	r.mu.Lock()
	r.now--
	r.mu.Unlock()
	return answer(user)
}

// answers has another answer given from now on.
func (r *rig) answers(answer func(todevice.UserID) (todevice.RemoteDeviceList, error)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answer = answer
}

// questions gives how often a server was asked.
func (r *rig) questions() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.asked
}

// update takes an update of a device of a user in whom alice is interested, and
// tells the refresher if it does not add up.
func (r *rig) update(user todevice.UserID, streamID int64, prev ...int64) {
	r.t.Helper()
	if err := r.store.CreateUser(context.Background(), todevice.Account{Localpart: alice.Localpart}); err != nil && !errors.Is(err, todevice.ErrUserExists) {
		r.t.Fatal(err)
	}
	accepted, err := r.store.Accept(context.Background(), todevice.Batch{
		Source: todevice.Source{Origin: user.Server, TxnID: fmt.Sprintf("%s %d", user, streamID)},
		Sends: []todevice.Send{{Sender: user, Type: "t", Messages: []todevice.Message{
			{To: alice, Device: todevice.AllDevices, Content: json.RawMessage(`{}`)},
		}}},
		DeviceLists: []todevice.DeviceListUpdate{{
			User: user, DeviceID: "U", StreamID: streamID, PrevIDs: prev, Keys: json.RawMessage(`{"stream":` + fmt.Sprint(streamID) + `}`),
		}},
	})
	if err != nil {
		r.t.Fatal(err)
	}
	if accepted.StaleDeviceLists {
		r.lists.Stale(user.Server)
	}
}

// known gives the device IDs of a user, and whether that is all.
func (r *rig) known(user todevice.UserID) (ids []string, complete bool) {
	r.t.Helper()
	list, complete, err := r.store.RemoteDeviceList(context.Background(), user)
	if err != nil {
		r.t.Fatal(err)
	}
	for _, d := range list.Devices {
		ids = append(ids, d.DeviceID)
	}
	return ids, complete
}

func (r *rig) check(user todevice.UserID, want string) {
	r.t.Helper()
	if ids, complete := r.known(user); fmt.Sprint(ids, complete) != want {
		r.t.Errorf("%s: %v, complete: %v; want %s", user, ids, complete, want)
	}
}

func bob(server spec.ServerName) todevice.UserID {
	return todevice.UserID{Localpart: "bob", Server: server}
}

// devices is a list at a state.
func devices(streamID int64, ids ...string) todevice.RemoteDeviceList {
	list := todevice.RemoteDeviceList{StreamID: streamID}
	for _, id := range ids {
		list.Devices = append(list.Devices, todevice.DeviceKeys{DeviceID: id, Keys: json.RawMessage(`{}`)})
	}
	return list
}

func TestStaleListIsAskedForOnce(t *testing.T) {
	inBubble(t, func(t *testing.T, path string) {
		r := start(t, path, func(todevice.UserID) (todevice.RemoteDeviceList, error) { return devices(7, "D1", "D2"), nil })
		r.update(bob("b.test"), 7)
		time.Sleep(time.Minute)
		r.check(bob("b.test"), "[D1 D2] true")
		r.update(bob("b.test"), 8, 7) // follows, and so needs no question
		time.Sleep(time.Minute)
		r.check(bob("b.test"), "[D1 D2 U] true")
		r.update(bob("b.test"), 12, 11) // something is missing
		time.Sleep(time.Minute)
		r.check(bob("b.test"), "[D1 D2] true")
		if r.questions() != 2 {
			t.Errorf("asked %d times", r.questions())
		}
		r.stop()
	})
}

func TestListMarkedDuringTheQuestionIsAskedForAgain(t *testing.T) {
	inBubble(t, func(t *testing.T, path string) {
		r := start(t, path, func(todevice.UserID) (todevice.RemoteDeviceList, error) { return devices(3, "D1"), nil })
		r.update(bob("b.test"), 3)
		time.Sleep(500 * time.Millisecond) // the question is on its way
		r.update(bob("b.test"), 5, 4)
		r.answers(func(todevice.UserID) (todevice.RemoteDeviceList, error) { return devices(5, "D1", "D2"), nil })
		time.Sleep(time.Minute)
		r.check(bob("b.test"), "[D1 D2] true")
		if r.questions() != 2 {
			t.Errorf("asked %d times", r.questions())
		}
		r.stop()
	})
}

// A server that fails is left alone for longer and longer, up to an hour, delays no
// other, and is asked again soon when it is heard of, and after a restart.
func TestServerThatFailsIsAskedAgain(t *testing.T) {
	inBubble(t, func(t *testing.T, path string) {
		down := errors.New("connection refused")
		answer := func(user todevice.UserID) (todevice.RemoteDeviceList, error) {
			if user.Server == "down.test" {
				return todevice.RemoteDeviceList{}, down
			}
			return devices(1, "D1"), nil
		}
		r := start(t, path, answer)
		r.update(bob("down.test"), 1)
		r.update(bob("up.test"), 1)
		time.Sleep(2 * time.Second)
		r.check(bob("up.test"), "[D1] true")
		r.check(bob("down.test"), "[] false")
		time.Sleep(24 * time.Hour)
		synctest.Wait()
		if n := r.questions(); n < 30 || n > 45 { // 13 in the first hour and a half, then one an hour, and one for up.test
			t.Errorf("asked %d times in a day", n)
		}
		before := r.questions()
		r.lists.PeerAlive("down.test")
		time.Sleep(2 * time.Second)
		if r.questions() != before+1 {
			t.Errorf("asked %d times within 2 s of hearing of it", r.questions()-before)
		}
		r.stop()

		r = start(t, path, func(todevice.UserID) (todevice.RemoteDeviceList, error) { return devices(1, "D9"), nil })
		time.Sleep(2 * time.Second)
		r.check(bob("down.test"), "[D9] true")
		r.check(bob("up.test"), "[D1] true") // was not stale
		r.stop()
	})
}

func TestUserThatIsGoneHasNoDevices(t *testing.T) {
	inBubble(t, func(t *testing.T, path string) {
		r := start(t, path, func(todevice.UserID) (todevice.RemoteDeviceList, error) { return devices(1, "D1"), nil })
		r.update(bob("b.test"), 1)
		time.Sleep(2 * time.Second)
		r.check(bob("b.test"), "[D1] true")
		r.answers(func(todevice.UserID) (todevice.RemoteDeviceList, error) {
			return todevice.RemoteDeviceList{}, &remote.Refusal{Status: 404, ErrCode: "M_NOT_FOUND"}
		})
		r.update(bob("b.test"), 9, 8)
		time.Sleep(2 * time.Second)
		r.check(bob("b.test"), "[] true")
		r.stop()
	})
}

func TestFewServersAreAskedAtOnce(t *testing.T) {
	inBubble(t, func(t *testing.T, path string) {
		r := start(t, path, func(todevice.UserID) (todevice.RemoteDeviceList, error) { return devices(1, "D1"), nil })
		for i := range 200 {
			r.update(bob(spec.ServerName(fmt.Sprintf("s%d.test", i))), 1)
		}
		time.Sleep(time.Minute)
		for i := range 200 {
			r.check(bob(spec.ServerName(fmt.Sprintf("s%d.test", i))), "[D1] true")
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.most != 8 {
			t.Errorf("%d servers were asked at once, want 8", r.most)
		}
	})
}

func TestUserWhoseListCannotBeHadIsInNobodysWay(t *testing.T) {
	inBubble(t, func(t *testing.T, path string) {
		bad := todevice.UserID{Localpart: "a", Server: "there.test"}
		good := todevice.UserID{Localpart: "b", Server: "there.test"}
		r := start(t, path, func(u todevice.UserID) (todevice.RemoteDeviceList, error) {
			if u == bad {
				return todevice.RemoteDeviceList{}, errors.New("HTTP 500")
			}
			return todevice.RemoteDeviceList{StreamID: 9}, nil
		})
		r.update(bad, 5)
		r.update(good, 5)
		time.Sleep(48 * time.Hour)
		if _, complete := r.known(good); !complete {
			t.Errorf("after two days and %d questions the list of the good user is still stale", r.questions())
		}
		r.stop()
	})
}

func TestServersOfManySlowUsersLetOthersTakeTheirTurn(t *testing.T) {
	inBubble(t, func(t *testing.T, path string) {
		r := start(t, path, func(u todevice.UserID) (todevice.RemoteDeviceList, error) {
			if u.Server != "good.test" {
				time.Sleep(57 * time.Second) // slow, and then right
			}
			return todevice.RemoteDeviceList{StreamID: 9}, nil
		})
		for s := range 8 {
			for u := range 100 {
				r.update(todevice.UserID{Localpart: fmt.Sprint("u", u), Server: spec.ServerName(fmt.Sprintf("slow%d.test", s))}, 5)
			}
		}
		time.Sleep(time.Second)
		good := todevice.UserID{Localpart: "b", Server: "good.test"}
		r.update(good, 5)
		began := time.Now()
		for {
			if _, complete := r.known(good); complete || time.Since(began) > 24*time.Hour {
				break
			}
			time.Sleep(10 * time.Second)
		}
		if took := time.Since(began); took > 2*time.Minute {
			t.Errorf("the good server's list was refreshed only after %v", took)
		}
		r.stop()
	})
}

// lateMark marks a list while Run has looked for those that are stale, and has not begun yet.
type lateMark struct {
	devicelists.Store
	then func()
}

func (l lateMark) StaleServers(ctx context.Context) ([]spec.ServerName, error) {
	servers, err := l.Store.StaleServers(ctx)
	l.then()
	return servers, err
}

func TestMarkMadeWhileTheRefresherStartsIsNotLost(t *testing.T) {
	inBubble(t, func(t *testing.T, path string) {
		store, err := sqlite.Open(path, sqlite.Options{ServerName: "here.test"})
		if err != nil {
			t.Fatal(err)
		}
		log := logrus.New()
		log.SetOutput(io.Discard)
		bob := todevice.UserID{Localpart: "bob", Server: "there.test"}
		r := &rig{t: t, store: store, answer: func(todevice.UserID) (todevice.RemoteDeviceList, error) {
			return todevice.RemoteDeviceList{StreamID: 9}, nil
		}}
		r.lists = devicelists.New(lateMark{store, func() { r.update(bob, 5) }}, r, func() float64 { return 0 }, logrus.NewEntry(log))
		ctx, cancel := context.WithCancel(context.Background())
		ended := make(chan error, 1)
		go func() { ended <- r.lists.Run(ctx) }()
		time.Sleep(48 * time.Hour)
		synctest.Wait()
		if _, complete := r.known(bob); !complete {
			t.Errorf("after two days the list is still stale, and was asked for %d times", r.questions())
		}
		cancel()
		<-ended
		_ = store.Close()
	})
}
