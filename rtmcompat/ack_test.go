package rtmcompat_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/chappe-im/chappe/rtmcompat"
	"github.com/chappe-im/chappe/storage/sqlite"
	"github.com/chappe-im/chappe/todevice"
)

const waitForAck = "?wait_for_ack=true"

// confirm confirms the first message of a device, the given time after the device
// is woken for it. In a bubble, a request is at its wait when any time has passed.
func (r *rig) confirm(device todevice.Device, after time.Duration) (done <-chan struct{}) {
	woken, leave := r.notifier.Wait(device)
	finished := make(chan struct{})
	go func() {
		defer close(finished)
		defer leave()
		<-woken
		time.Sleep(after)
		position := r.pending(device)[0].position
		if _, err := r.store.Confirm(r.t.Context(), device.Inbox, position); err != nil {
			r.t.Error(err)
		}
		r.notifier.Confirmed(device.Inbox, position)
	}()
	return finished
}

func TestAConfirmedMessageIsDelivered(t *testing.T) {
	cases := []struct {
		name, body string
		after      time.Duration
	}{
		{"online only", object(), time.Second},
		{"offline too", object("enable_offline_messaging", true), time.Second},
		{"Matrix user", object("destination", "@rtm_demo_bob:"+serverName), time.Second},
		{"at the last moment", object(), 10*time.Second - 1},
		{"perhaps before the wait begins", object(), 0},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t)
				device := r.device(namespace+"bob", "RTM")
				r.device(namespace+"bob", "ASLEEP")
				done := r.confirm(device, c.after)
				begin := time.Now()
				r.send(waitForAck, c.body, "message_delivered")
				if took := time.Since(begin); took != c.after {
					t.Errorf("the answer came after %v, the confirmation after %v", took, c.after)
				}
				<-done
				r.wantPayloads(device)
			})
		})
	}
}

func TestAMessageNotConfirmedInTimeIsSent(t *testing.T) {
	for configured, want := range map[time.Duration]time.Duration{0: 10 * time.Second, time.Minute: time.Minute} {
		t.Run(want.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cfg := rtmcompat.Config{Apps: testApps(), AckTimeout: configured}
				r := newRigWith(t, sqlite.Options{}, cfg, nil)
				device := r.device(namespace+"bob", "RTM")
				_, leave := r.notifier.Wait(device)
				defer leave()
				begin := time.Now()
				r.send(waitForAck, object(), "message_sent")
				if took := time.Since(begin); took != want {
					t.Errorf("the answer came after %v, want %v", took, want)
				}
				r.wantPayloads(device, "hello")
			})
		})
	}
}

func TestTheAnswerWaitsOnlyWhereAskedAndWhereItMayHelp(t *testing.T) {
	const matrixBob = "@rtm_demo_bob:" + serverName
	cases := []struct {
		name, query, body, code string
		online                  bool
	}{
		{"not asked, online", "", object(), "message_sent", true},
		{"not asked, offline", "", object(), "message_sent", false},
		{"asked not to, online", "?wait_for_ack=false", object(), "message_sent", true},
		{"not asked, offline and kept", "", object("enable_offline_messaging", true), "message_sent", false},
		{"offline", waitForAck, object(), "message_offline", false},
		{"offline and kept", waitForAck, object("enable_offline_messaging", true), "message_offline", false},
		{"offline Matrix user", waitForAck, object("destination", matrixBob), "message_offline", false},
		{"unknown user", waitForAck, object("destination", "nobody"), "message_offline", true},
		{"unknown user, kept", waitForAck, object("destination", "nobody", "enable_offline_messaging", true), "message_offline", true},
		{"unknown Matrix user", waitForAck, object("destination", "@nobody:"+serverName, "enable_offline_messaging", true), "message_offline", true},
		{"remote", waitForAck, object("destination", "@bob:example.org"), "message_sent", true},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t)
				device := r.device(namespace+"bob", "RTM")
				if c.online {
					r.notifier.Saw(device)
				}
				begin := time.Now()
				r.send(c.query, c.body, c.code)
				if took := time.Since(begin); took != 0 {
					t.Errorf("the answer came after %v", took)
				}
			})
		})
	}
}

func TestADeviceIsOfflineHalfAMinuteAfterItsLastSync(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		device := r.device(namespace+"bob", "RTM")
		r.notifier.Saw(device)
		time.Sleep(30 * time.Second)
		r.send(waitForAck, object(), "message_offline")
		r.wantPayloads(device)
	})
}
