package userdata_test

import (
	"strings"
	"testing"

	"github.com/chappe-im/chappe/internal/doortest"
	"github.com/chappe-im/chappe/todevice"
)

const user = "user/%40alice%3Achappe.test/"

func TestAccountDataComesBackAsItWasWritten(t *testing.T) {
	d := newDoor(t)
	_, token := d.Login("alice", "A")
	const path, content = user + "account_data/org.example%2Fwith.slash", `{"big": 9007199254740993, "<": [1.50]}`
	d.Want(404, "M_NOT_FOUND", "GET", path, token, "")
	d.WantBody(`{}`, "PUT", path, token, content)
	d.WantBody(content, "GET", path, token, "")
	d.WantBody(`{}`, "PUT", path, token, `{}`)
	d.WantBody(`{}`, "GET", path, token, "")
}

func TestAccountDataHasItsLimits(t *testing.T) {
	d := newDoor(t)
	_, token := d.Login("alice", "A")
	const path = user + "account_data/"
	fits := `{"x":"` + strings.Repeat("x", todevice.MaxContent-8) + `"}`
	d.Want(200, "", "PUT", path+strings.Repeat("t", 255), token, fits)
	for _, c := range []struct {
		dataType, body string
		status         int
		errcode        string
	}{
		{"m.push_rules", `{}`, 405, "M_BAD_JSON"},
		{"m.fully_read", `{}`, 405, "M_BAD_JSON"},
		{strings.Repeat("t", 256), `{}`, 400, "M_INVALID_PARAM"},
		{"m.x", fits + " ", 413, "M_TOO_LARGE"},
		{"m.x", `null`, 400, "M_BAD_JSON"},
		{"m.x", `"x"`, 400, "M_BAD_JSON"},
		{"m.x", "{\"x\":\"\xff\"}", 400, "M_NOT_JSON"},
		{"%ff", `{}`, 400, "M_INVALID_PARAM"},
		{"org.matrix.msc3890.local_notification_settings.NONE", `{}`, 404, "M_NOT_FOUND"},
	} {
		d.Want(c.status, c.errcode, "PUT", path+c.dataType, token, c.body)
	}
	d.Want(404, "M_NOT_FOUND", "GET", path+"m.x", token, "")
}

func TestAccountDataOfPushRulesIsWhatTheyAre(t *testing.T) {
	d := newDoor(t)
	_, token := d.Login("alice", "A")
	rules := d.Want(200, "", "GET", "pushrules/", token, "").Body
	d.WantBody(rules, "GET", user+"account_data/m.push_rules", token, "")
}

func TestFullStoreOfAUserRefusesMore(t *testing.T) {
	d := newDoor(t)
	_, token := d.Login("alice", "A")
	var last doortest.Answer
	for i := 0; i <= 100 && last.Status < 400; i++ {
		last = d.Do("POST", "pushers/set", token, pusher(strings.Repeat("k", i+1), ""))
	}
	if last.Status != 403 || last.Errcode != "M_FORBIDDEN" {
		t.Errorf("got %+v", last)
	}
}
