package userdata_test

import (
	"encoding/json"
	"strings"
	"testing"
)

// pusher is the body that sets a pusher, with more members or others in place of its
// own.
func pusher(key, more string) string {
	members := map[string]json.RawMessage{
		"pushkey": json.RawMessage(`"` + key + `"`), "kind": json.RawMessage(`"http"`), "app_id": json.RawMessage(`"app"`),
		"app_display_name": json.RawMessage(`"App"`), "device_display_name": json.RawMessage(`"Phone"`), "lang": json.RawMessage(`"en"`),
		"data": json.RawMessage(`{"url":"https://push.test/_matrix/push/v1/notify"}`),
	}
	if more != "" {
		if err := json.Unmarshal([]byte(more), &members); err != nil {
			panic(err)
		}
	}
	body, err := json.Marshal(members)
	if err != nil {
		panic(err)
	}
	return string(body)
}

func TestPusherIsListedUntilItIsDeleted(t *testing.T) {
	d := newDoor(t)
	_, alice := d.Login("alice", "A")
	_, bob := d.Login("bob", "B")
	const shown = `{"pushkey":"k","kind":"http","app_id":"app","app_display_name":"App","device_display_name":"Phone",` +
		`"lang":"en","data":{"url":"https://push.test/_matrix/push/v1/notify"}}`
	d.WantBody(`{"pushers":[]}`, "GET", "pushers", alice, "")
	d.WantBody(`{}`, "POST", "pushers/set", alice, pusher("k", ""))
	d.WantBody(`{"pushers":[`+shown+`]}`, "GET", "pushers", alice, "")
	d.WantBody(`{}`, "POST", "pushers/set", bob, pusher("k", `{"append":true}`))
	d.WantBody(`{"pushers":[`+shown+`]}`, "GET", "pushers", alice, "")
	d.WantBody(`{}`, "POST", "pushers/set", bob, pusher("k", `{"profile_tag":"x"}`))
	d.WantBody(`{"pushers":[]}`, "GET", "pushers", alice, "")
	d.WantBody(`{}`, "POST", "pushers/set", bob, `{"kind":null,"app_id":"app","pushkey":"k"}`)
	d.WantBody(`{}`, "POST", "pushers/set", bob, `{"kind":null,"app_id":"app","pushkey":"k"}`)
	d.WantBody(`{"pushers":[]}`, "GET", "pushers", bob, "")
}

func TestWhatIsNoPusherIsRefused(t *testing.T) {
	d := newDoor(t)
	_, token := d.Login("alice", "A")
	for _, c := range []struct{ more, errcode string }{
		{`{"pushkey":null}`, "M_MISSING_PARAM"},
		{`{"app_id":null}`, "M_MISSING_PARAM"},
		{`{"lang":null}`, "M_MISSING_PARAM"},
		{`{"data":{}}`, "M_MISSING_PARAM"},
		{`{"data":[]}`, "M_BAD_JSON"},
		{`{"kind":1}`, "M_BAD_JSON"},
		{`{"append":"yes"}`, "M_BAD_JSON"},
		{`{"kind":"email"}`, "M_INVALID_PARAM"},
		{`{"data":{"url":"http://push.test/_matrix/push/v1/notify"}}`, "M_INVALID_PARAM"},
		{`{"data":{"url":"https://push.test/elsewhere"}}`, "M_INVALID_PARAM"},
		{`{"app_id":"` + strings.Repeat("x", 65) + `"}`, "M_INVALID_PARAM"},
		{`{"pushkey":"` + strings.Repeat("x", 513) + `"}`, "M_INVALID_PARAM"},
	} {
		d.Want(400, c.errcode, "POST", "pushers/set", token, pusher("k", c.more))
	}
	d.Want(400, "M_MISSING_PARAM", "POST", "pushers/set", token, `{"app_id":"app","pushkey":"k"}`)
	d.WantBody(`{"pushers":[]}`, "GET", "pushers", token, "")
}

func TestNotificationsAreNone(t *testing.T) {
	d := newDoor(t)
	_, token := d.Login("alice", "A")
	d.WantBody(`{"notifications":[]}`, "GET", "notifications", token, "")
}
