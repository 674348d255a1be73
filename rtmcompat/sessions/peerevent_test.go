package sessions

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/chappe-im/chappe/rtmcompat"
	"github.com/chappe-im/chappe/todevice"
)

const eventOfAnn = `{"content":{"app_id":"0123456789abcdef0123456789abcdef","from":"ann","message_id":"ABC","payload":"hello, <world> ü","server_ts":1700000000001},"sender":"@rtm_demo_ann:chappe.test","type":"im.chappe.rtm.peer_message"}`

func TestEventOfThisServerIsReadWithoutJSON(t *testing.T) {
	peer, ok := cutPeerEvent([]byte(eventOfAnn))
	if !ok || *peer.Content.Payload != "hello, <world> ü" || peer.Content.ServerTS != 1700000000001 ||
		peer.Content.MessageID != "ABC" || peer.Sender != "@rtm_demo_ann:chappe.test" || peer.Type != rtmcompat.PeerMessageType {
		t.Errorf("read %+v (%v)", peer, ok)
	}
	for _, other := range []string{
		`{}`, `{"content":{"app_id":"`, strings.Replace(eventOfAnn, "ü", `\u00fc`, 1), strings.Replace(eventOfAnn, "17", "x", 1),
		strings.Replace(eventOfAnn, `"sender"`, `"more":1,"sender"`, 1), eventOfAnn + " ",
	} {
		if _, ok := cutPeerEvent([]byte(other)); ok {
			t.Errorf("taken for one of this server's: %s", other)
		}
	}
}

// Whatever is read in the short way is what JSON says it is.
func FuzzCutPeerEvent(f *testing.F) {
	f.Add([]byte(eventOfAnn))
	f.Add(todevice.EventJSON(todevice.UserID{Localpart: "ann", Server: "chappe.test"}, "type", []byte(`{"app_id":"a","from":"ann","message_id":"m","payload":"","server_ts":-1}`)))
	f.Fuzz(func(t *testing.T, event []byte) {
		got, ok := cutPeerEvent(event)
		if !ok || !json.Valid(event) || !utf8.Valid(event) {
			return // events are JSON in UTF-8
		}
		var want peerEvent
		if err := json.Unmarshal(event, &want); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%q was read as %+v, JSON says %+v (%v)", event, got, want, err)
		}
	})
}
