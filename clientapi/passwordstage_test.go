package clientapi_test

import (
	"errors"
	"net/http"
	"testing"

	"github.com/chappe-im/chappe/clientapi/passwords"
	"github.com/chappe-im/chappe/clientapi/uia"
	"github.com/chappe-im/chappe/internal/httpapi"
)

func TestPasswordStageIsPassedByItsOwnUserOnly(t *testing.T) {
	d := newDoor(t)
	alice := d.register("alice", "A1")
	d.want(d.post("register", `{`+dummy+`,"username":"bob","password":"bobs"}`), http.StatusOK, "")
	device, err := d.store.Session(t.Context(), alice.token)
	if err != nil {
		t.Fatal(err)
	}
	stage := d.server.PasswordStage(device)
	if stage.Type != "m.login.password" {
		t.Errorf("type %q", stage.Type)
	}
	const passed, again, refused = "passed", "may try again", "refused"
	for _, c := range []struct{ user, password, want string }{
		{"alice", "secret", passed},
		{"Alice", "secret", passed},
		{"@alice:chappe.test", "secret", passed},
		{"@ALICE:chappe.test", "secret", passed},
		{"alice", "Secret", again},
		{"alice", "bobs", again},
		{"alice", "", again},
		{"", "secret", again},
		{"bob", "bobs", refused},
		{"bob", "secret", refused},
		{"nobody", "secret", refused},
		{"@bob:chappe.test", "bobs", refused},
		{"@alice:other.test", "secret", refused},
		{"@alice", "secret", refused},
	} {
		got, err := passed, stage.Check(t.Context(), uia.Auth{User: c.user, Password: passwords.DigestOf(c.password)})
		var refusal uia.Refusal
		var answer *httpapi.Error
		switch {
		case errors.As(err, &refusal):
			got = again
		case errors.As(err, &answer) && answer.Status == http.StatusForbidden:
			got = refused
		case err != nil:
			t.Fatal(err)
		}
		if got != c.want {
			t.Errorf("%q, %q: got %s, want %s", c.user, c.password, got, c.want)
		}
	}
}
