package rtmcompat_test

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chappe-im/chappe/rtmcompat"
	"github.com/chappe-im/chappe/storage/sqlite"
)

func TestOfOfflineMessagesTheLatest200OfAllSendersAreKept(t *testing.T) {
	r := newRig(t)
	bob := r.device(namespace+"bob", "RTM")
	for n := 1; n <= 201; n++ {
		body := object("payload", fmt.Sprint(n), "enable_offline_messaging", true)
		r.do(request(peerPath(fmt.Sprint("sender", n%7)), body)).want(t, 200, "message_sent")
		first := r.pending(bob)[0].Content.Payload
		if want := map[bool]string{true: "1", false: "2"}[n <= 200]; first != want {
			t.Fatalf("after %d messages the first is %s, want %s", n, first, want)
		}
	}
}

// What a device that is there has been sent was delivered to it; the vendors' limits are
// those of what waits for one that is not.
func TestAnOfflineMessageWaitsSevenDaysButForADeviceThatWasOnlineAsLongAsItTakes(t *testing.T) {
	var passed atomic.Int64
	now := func() time.Time { return time.UnixMilli(1_700_000_000_000).Add(time.Duration(passed.Load())) }
	r := newRigWith(t, sqlite.Options{Now: now}, rtmcompat.Config{Apps: testApps()}, nil)
	online, offline := r.device("bob", "ONLINE"), r.device("bob", "OFFLINE")
	away := r.device("carol", "AWAY")
	there := r.device("dave", "THERE")
	r.notifier.Saw(online)
	r.notifier.Saw(there)
	for _, name := range []string{"bob", "carol", "dave"} {
		r.send("", object("destination", "@"+name+":"+serverName, "enable_offline_messaging", true), "message_sent")
	}
	passed.Store(int64(7*24*time.Hour - time.Millisecond))
	r.wantPayloads(online, "hello")
	r.wantPayloads(offline, "hello")
	r.wantPayloads(away, "hello")
	r.wantPayloads(there, "hello")
	passed.Store(int64(7*24*time.Hour + time.Millisecond))
	r.wantPayloads(online, "hello")
	r.wantPayloads(offline)
	r.wantPayloads(away)
	r.wantPayloads(there, "hello")
}
