package clientapi_test

import (
	"net/http"
	"slices"
	"testing"

	"github.com/chappe-im/chappe/todevice"
)

func TestLogoutDeletesOneDeviceAndEndsItsSync(t *testing.T) {
	d := newDoor(t)
	a1, bob := d.register("alice", "A1"), d.register("bob", "B1")
	a2 := d.login("alice", "A2")
	inbox := d.inbox(a1)
	d.want(d.send(bob, "m.test", "1", `{"messages":{"@alice:chappe.test":{"*":{"body":"x"}}}}`), http.StatusOK, "")

	got := d.want(d.do(http.MethodPost, "/_matrix/client/v3/logout", a1.token, `{}`), http.StatusOK, "")
	if got.raw != `{}` {
		t.Errorf("got %s", got.raw)
	}
	if !slices.Equal(d.woken.inboxes, []todevice.InboxID{inbox}) {
		t.Errorf("woken %v, want %v", d.woken.inboxes, inbox)
	}
	d.want(d.get("account/whoami", a1.token), http.StatusUnauthorized, "M_UNKNOWN_TOKEN")
	d.want(d.get("devices/A1", a2.token), http.StatusNotFound, "M_NOT_FOUND")
	if waiting := d.contents(a2); !slices.Equal(waiting, []string{"x"}) {
		t.Errorf("the other device has %q", waiting)
	}
	if again := d.login("alice", "A1"); d.inbox(again) == inbox || len(d.pending(again)) != 0 {
		t.Error("a device made again under the name got the queue of the old one")
	}
}

func TestLogoutAllDeletesTheUsersDevicesOnly(t *testing.T) {
	d := newDoor(t)
	a1, bob := d.register("alice", "A1"), d.register("bob", "B1")
	a2 := d.login("alice", "A2")
	inboxes := []todevice.InboxID{d.inbox(a1), d.inbox(a2)}

	got := d.want(d.do(http.MethodPost, "/_matrix/client/v3/logout/all", a1.token, ``), http.StatusOK, "")
	if got.raw != `{}` {
		t.Errorf("got %s", got.raw)
	}
	slices.Sort(d.woken.inboxes)
	if !slices.Equal(d.woken.inboxes, inboxes) {
		t.Errorf("woken %v, want %v", d.woken.inboxes, inboxes)
	}
	d.want(d.get("account/whoami", a1.token), http.StatusUnauthorized, "M_UNKNOWN_TOKEN")
	d.want(d.get("account/whoami", a2.token), http.StatusUnauthorized, "M_UNKNOWN_TOKEN")
	d.want(d.get("account/whoami", bob.token), http.StatusOK, "")
	d.login("alice", "A3")
}
