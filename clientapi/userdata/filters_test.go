package userdata_test

import (
	"encoding/json"
	"testing"
)

func TestFilterIsKept(t *testing.T) {
	d := newDoor(t)
	_, token := d.Login("alice", "A")
	const filter = `{"room":{"timeline":{"limit":20}}, "org.example": 1.0}`
	make := func(filter string) (id string) {
		var answer struct {
			FilterID string `json:"filter_id"`
		}
		if err := json.Unmarshal([]byte(d.Want(200, "", "POST", user+"filter", token, filter).Body), &answer); err != nil {
			t.Fatal(err)
		}
		return answer.FilterID
	}
	id := make(filter)
	if id == "" || id[0] == '{' || make(filter) != id || make(`{}`) == id {
		t.Errorf("ID %q", id)
	}
	d.WantBody(filter, "GET", user+"filter/"+id, token, "")
	_, other := d.Login("bob", "B")
	d.Want(404, "M_NOT_FOUND", "GET", "user/@bob:chappe.test/filter/"+id, other, "")
	d.Want(403, "M_FORBIDDEN", "GET", user+"filter/"+id, other, "")
}

func TestWhatIsNoFilterIsRefused(t *testing.T) {
	d := newDoor(t)
	_, token := d.Login("alice", "A")
	for _, filter := range []string{
		`{"presence":"x"}`, `{"presence":null}`, `{"account_data":[]}`, `{"room":1}`, `{"room":{"timeline":"x"}}`,
		`{"room":{"state":[]}}`, `{"room":{"ephemeral":true}}`, `{"room":{"account_data":"x"}}`,
		`{"event_format":"other"}`, `{"event_format":1}`, `{"event_fields":"type"}`, `{"event_fields":[1]}`,
		`{"presence":{"senders":"@a:b"}}`, `{"presence":{"senders":["@bar;pik.test.com"]}}`, `{"presence":{"not_senders":["a"]}}`,
		`{"presence":{"types":"m.x"}}`, `{"presence":{"types":[null]}}`, `{"account_data":{"not_types":{}}}`,
		`{"presence":{"limit":"1"}}`, `{"presence":{"limit":1.5}}`, `{"presence":{"limit":-1}}`,
		`{"room":{"rooms":["not-a-room"]}}`, `{"room":{"not_rooms":["#alias:b"]}}`, `{"room":{"rooms":"!r:b"}}`,
		`{"room":{"include_leave":1}}`, `{"room":{"timeline":{"rooms":["!"]}}}`, `{"room":{"timeline":{"lazy_load_members":"true"}}}`,
		`{"room":{"timeline":{"contains_url":0}}}`, `{"room":{"timeline":{"limit":true}}}`,
	} {
		d.Want(400, "M_BAD_JSON", "POST", user+"filter", token, filter)
	}
	for _, filter := range []string{
		`{}`, `{"presence":{},"account_data":{"types":["*"],"limit":0}}`, `{"lists":null,"room":{"other":7}}`,
		`{"event_format":"federation","event_fields":["type","content.body"]}`,
		`{"presence":{"types":["m.presence"],"not_types":[],"senders":["@Al:b.example:8448"],"limit":9007199254740991}}`,
		`{"room":{"rooms":["!a:b","!opaque"],"include_leave":true,"state":{"lazy_load_members":true,"not_rooms":["!c:d"]},
		  "timeline":{"limit":10,"contains_url":false,"unread_thread_notifications":true,"include_redundant_members":false}}}`,
	} {
		d.Want(200, "", "POST", user+"filter", token, filter)
	}
}
