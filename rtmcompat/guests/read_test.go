package guests

import (
	"testing"
	"unicode/utf8"

	"github.com/chappe-im/chappe/todevice"
)

var app = App{
	ID: "app", Service: todevice.UserID{Localpart: "rtm_channels", Server: "here.test"},
	ValidChannel: func(name string) bool { return name != "" && len(name) <= 64 },
}

func TestNameOfAChannelElsewhere(t *testing.T) {
	for name, want := range map[string]string{
		"#room:other.test": "room at other.test", "#room:other.test:8448": "room at other.test:8448", "#a#b:other.test": "a#b at other.test",
		"room": "", "#room": "", "#:other.test": "", "#room:": "", "#room:here.test": "", "#room:no name": "", "room:other.test": "", "": "",
	} {
		channel, server, ok := Elsewhere(name, "here.test")
		got := ""
		if ok {
			got = channel + " at " + string(server)
		}
		if got != want {
			t.Errorf("%q is %q, want %q", name, got, want)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte(`{"content":{"channel":"room","payload":"p"},"sender":"@a:b","type":"im.chappe.rtm.channel.message"}`))
	f.Add([]byte(`{"content":{"channel":"room","app_id":"app"},"sender":"@a:b","type":"im.chappe.rtm.channel.join"}`))
	f.Fuzz(func(t *testing.T, event []byte) {
		w, ok := read(app, event)
		if ok && (w.guest.Localpart == "" || w.channel == "" || !utf8.ValidString(w.payload) || w.what == Say && w.payload == "") {
			t.Errorf("%s is %+v", event, w)
		}
	})
}

func FuzzReadHeard(f *testing.F) {
	f.Add([]byte(`{"content":{"channel":"room","app_id":"app","payload":"p","sender":"@a:b","message_id":"m","server_ts":1},` +
		`"sender":"@a:b","type":"im.chappe.rtm.channel_message"}`))
	f.Fuzz(func(t *testing.T, event []byte) {
		h, ok := ReadHeard(event)
		if ok && (h.Service.Localpart == "" || h.Sender.Localpart == "" || h.Number < 1e12 || h.Number >= 1e13) {
			t.Errorf("%s is %+v", event, h)
		}
	})
}
