package clientapi_test

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/chappe-im/chappe/todevice"
)

func TestOperatorChangesUsersByEveryFormOfTheirName(t *testing.T) {
	for _, name := range []string{"alice", "Alice", "@alice:chappe.test"} {
		d := newDoor(t)
		alice := d.register("alice", "A1")
		want := []todevice.InboxID{d.inbox(alice)}
		if err := d.server.ResetPassword(t.Context(), name, "new"); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if !slices.Equal(d.woken.inboxes, want) {
			t.Errorf("woken %v, want %v", d.woken.inboxes, want)
		}
		d.want(d.get("account/whoami", alice.token), http.StatusUnauthorized, "M_UNKNOWN_TOKEN")
		want = append(want, d.inbox(d.client(d.tryPassword("alice", "new"))))
		if err := d.server.DeactivateUser(t.Context(), name); err != nil || !slices.Equal(d.woken.inboxes, want) {
			t.Errorf("%s: %v, woken %v, want %v", name, err, d.woken.inboxes, want)
		}
		d.want(d.tryPassword("alice", "new"), http.StatusForbidden, "M_USER_DEACTIVATED")
	}
}

func TestOperatorIsToldWhoIsNotThere(t *testing.T) {
	d := newDoor(t)
	d.register("alice", "A1")
	for name, want := range map[string]error{
		"nobody": todevice.ErrUnknownUser, "@alice:other.test": todevice.ErrUnknownUser, "": todevice.ErrUnknownUser,
	} {
		for _, err := range []error{d.server.DeactivateUser(t.Context(), name), d.server.ResetPassword(t.Context(), name, "new")} {
			if !errors.Is(err, want) || !strings.Contains(err.Error(), `user "`+name+`"`) {
				t.Errorf("%q: %v", name, err)
			}
		}
	}
	if err := d.server.ResetPassword(t.Context(), "alice", ""); err == nil {
		t.Error("an empty password was taken")
	}
	d.login("alice", "A2")
}

func TestRegistrationTokenIsMadeUpOrChecked(t *testing.T) {
	d := newDoor(t, closed)
	seen := map[string]bool{}
	for range 3 {
		token, err := d.server.AddRegistrationToken(t.Context(), todevice.RegistrationToken{})
		if err != nil || len(token) != 20 || seen[token] {
			t.Errorf("got %q, %v", token, err)
		}
		seen[token] = true
	}
	for token, ok := range map[string]bool{
		"A.z_0~9-": true, strings.Repeat("a", 64): true, strings.Repeat("a", 65): false, "a b": false, "ä": false, "a\n": false,
	} {
		if got, err := d.server.AddRegistrationToken(t.Context(), todevice.RegistrationToken{Token: token}); (err == nil) != ok || ok && got != token {
			t.Errorf("%q: got %q, %v", token, got, err)
		}
	}
}
