package arrtm_test

import (
	"maps"
	"strings"
	"testing"

	"github.com/chappe-im/chappe/internal/testserver"
)

type attributes = map[string]string

func userAttributes(t *testing.T, p *program) {
	server, ledger := testserver.New(t), testserver.NewLedger()
	ann, bob := p.entered(t, server, ledger, "ann"), p.entered(t, server, ledger, "bob")
	sees := func(want attributes) {
		t.Helper()
		var got attributes
		bob.call(&got, "getUserAttributes", "ann")
		if !maps.Equal(got, want) {
			t.Errorf("the attributes are %v, want %v", got, want)
		}
	}
	sees(attributes{})
	ann.call(nil, "setLocalUserAttributes", attributes{"name": "Ann", "mood": "\"fine\" 電"})
	sees(attributes{"name": "Ann", "mood": "\"fine\" 電"})
	ann.call(nil, "addOrUpdateLocalUserAttributes", attributes{"mood": "tired", "place": "here"})
	sees(attributes{"name": "Ann", "mood": "tired", "place": "here"})
	var some attributes
	bob.call(&some, "getUserAttributesByKeys", "ann", []string{"mood", "none"})
	if !maps.Equal(some, attributes{"mood": "tired"}) {
		t.Errorf("by key the attributes are %v", some)
	}
	ann.call(nil, "deleteLocalUserAttributesByKeys", []string{"mood"})
	sees(attributes{"name": "Ann", "place": "here"})
	// The SDK shows again what it was last given, and nothing else.
	ann.call(nil, "setLocalUserAttributes", attributes{"name": "Anna"})
	ann.interrupt()
	ann.returned()
	ann.roundTrip()
	sees(attributes{"name": "Anna"})
	ann.call(nil, "clearLocalUserAttributes")
	sees(attributes{})
	ann.call(nil, "setLocalUserAttributes", attributes{"name": "Ann"})
	ann.call(nil, "logout")
	sees(attributes{})
	const sizeOverflow = 4
	p.refused(t, sizeOverflow, bob.name, "setLocalUserAttributes", attributes{"big": strings.Repeat("x", 8193)})
	bob.roundTrip()
}

// An attribute is one of a channel as the SDK shows it.
type attribute struct {
	Value            string
	LastUpdateUserID string `json:"lastUpdateUserId"`
	LastUpdateTs     int64
}

func channelAttributes(t *testing.T, p *program) {
	server, ledger := testserver.New(t), testserver.NewLedger()
	ann, bob := p.entered(t, server, ledger, "ann"), p.entered(t, server, ledger, "bob")
	b := bob.joined("room")
	is := func(got map[string]attribute, want attributes) {
		t.Helper()
		values := make(attributes)
		for key, a := range got {
			values[key] = a.Value
			if a.LastUpdateUserID != "ann" || a.LastUpdateTs < 1e12 {
				t.Errorf("the attribute %s is %+v", key, a)
			}
		}
		if !maps.Equal(values, want) {
			t.Errorf("the attributes are %v, want %v", values, want)
		}
	}
	// told checks what the member is told, and what it sees.
	told := func(want attributes) {
		t.Helper()
		var got map[string]attribute
		decode(t, b.p.await(b.name, "AttributesUpdated")[0], &got)
		is(got, want)
		got = nil
		bob.call(&got, "getChannelAttributes", "room")
		is(got, want)
	}
	notify := map[string]bool{"enableNotificationToChannelMembers": true}
	ann.call(nil, "setChannelAttributes", "room", attributes{"topic": "tea", "mood": "fine"}, notify)
	told(attributes{"topic": "tea", "mood": "fine"})
	ann.call(nil, "addOrUpdateChannelAttributes", "room", attributes{"mood": "loud"}, notify)
	told(attributes{"topic": "tea", "mood": "loud"})
	var got map[string]attribute
	bob.call(&got, "getChannelAttributesByKeys", "room", []string{"mood", "none"})
	is(got, attributes{"mood": "loud"})
	ann.call(nil, "deleteChannelAttributesByKeys", "room", []string{"mood"}, notify)
	told(attributes{"topic": "tea"})
	ann.call(nil, "clearChannelAttributes", "room", notify)
	told(attributes{})
	ann.call(nil, "setChannelAttributes", "room", attributes{"topic": "quiet"})
	bob.roundTrip()
	p.none(t, b.name, "AttributesUpdated")
	const sizeOverflow = 4
	p.refused(t, sizeOverflow, ann.name, "setChannelAttributes", "room", attributes{"big": strings.Repeat("x", 8193)})
	ann.roundTrip()
}
