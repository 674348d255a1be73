package userdata_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestPresenceIsWhatItsUserSaid(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDoor(t)
		_, token := d.Login("alice", "A")
		const path = "presence/@alice:chappe.test/status"
		d.WantBody(`{"presence":"offline","currently_active":false}`, "GET", path, token, "")
		d.WantBody(`{}`, "PUT", path, token, `{"presence":"online","status_msg":"Here"}`)
		time.Sleep(time.Minute)
		d.WantBody(`{"presence":"online","last_active_ago":60000,"status_msg":"Here","currently_active":true}`, "GET", path, token, "")
		d.WantBody(`{}`, "PUT", path, token, `{"presence":"unavailable"}`)
		d.WantBody(`{"presence":"unavailable","last_active_ago":0,"currently_active":false}`, "GET", path, token, "")
	})
}

func TestWhatIsNoPresenceChangesNothing(t *testing.T) {
	d := newDoor(t)
	_, token := d.Login("alice", "A")
	_, other := d.Login("bob", "B")
	const path = "presence/@alice:chappe.test/status"
	d.Want(200, "", "PUT", path, token, `{"presence":"online"}`)
	for _, c := range []struct {
		token, body string
		status      int
		errcode     string
	}{
		{token, `{"presence":"away"}`, 400, "M_BAD_JSON"},
		{token, `{"presence":1}`, 400, "M_BAD_JSON"},
		{token, `{"presence":null}`, 400, "M_BAD_JSON"},
		{token, `{}`, 400, "M_MISSING_PARAM"},
		{token, `{"presence":"offline","status_msg":1}`, 400, "M_BAD_JSON"},
		{token, `{"presence":"offline","status_msg":"` + strings.Repeat("x", 1025) + `"}`, 400, "M_INVALID_PARAM"},
		{other, `{"presence":"offline"}`, 403, "M_FORBIDDEN"},
	} {
		d.Want(c.status, c.errcode, "PUT", path, c.token, c.body)
	}
	if got := d.Want(200, "", "GET", path, token, ""); !strings.Contains(got.Body, `"online"`) {
		t.Errorf("got %s", got.Body)
	}
	d.Want(403, "M_FORBIDDEN", "GET", path, other, "")
}
