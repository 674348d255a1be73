package main

import (
	"slices"
	"strings"
	"testing"
	"time"
)

func TestChangedUsersAreFound(t *testing.T) {
	for response, want := range map[string][]string{
		`{"next_batch":"t","device_lists":{"changed":[],"left":[]}}`: nil,
		`{"next_batch":"t"}`: nil,
		`{"device_lists":{"changed":["@a:bench.test"],"left":[]}}`:                        {"@a:bench.test"},
		`{"device_lists":{"changed":["@a:bench.test","@b:bench.test"],"left":["@c:x"]}}}`: {"@a:bench.test", "@b:bench.test"},
	} {
		if got := changedUsers([]byte(response)); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", response, got, want)
		}
	}
}

func TestAChangeMustBeToldOnceAndNoOther(t *testing.T) {
	for told, want := range map[string]verdict{
		"@a:x":      {},
		"":          {Lost: 1},
		"@b:x":      {Lost: 1, Misdelivered: 1},
		"@a:x @a:x": {Duplicated: 1},
		"@a:x @b:x": {Misdelivered: 1},
	} {
		if got := judgeChanges(strings.Fields(told), "@a:x"); got != want {
			t.Errorf("%q: %+v, want %+v", told, got, want)
		}
	}
}

func TestTheFloorTellsThoseOfAChangeWhoAskedForTheKeys(t *testing.T) {
	p := served(t, newFloor())
	transport := newTransport()
	t.Cleanup(transport.CloseIdleConnections)
	all := people("u", 3, aloneServer)
	sessions := newSessions(transport, p.address, all)
	fan, stranger := &watcher{session: sessions[1]}, &watcher{session: sessions[2]}
	if err := getReady(t.Context(), []*watcher{fan}, all[0]); err != nil {
		t.Fatal(err)
	}
	var w waking
	for number := range 2 {
		changed := make(chan []string)
		go func() {
			users, _ := fan.look(t.Context(), time.Minute)
			changed <- users
		}()
		if err := newSession(transport, p.address, all[0]).rename(t.Context(), number); err != nil {
			t.Fatal(err)
		}
		w.verdict = w.verdict.plus(judgeChanges(<-changed, all[0].id()))
	}
	if !w.verdict.kept() {
		t.Errorf("the verdict is: %v", w.verdict)
	}
	for name, other := range map[string]*watcher{"a stranger": stranger, "one who knows it": fan} {
		if changed, err := other.look(t.Context(), 0); err != nil || len(changed) > 0 {
			t.Errorf("%s is told of %q (%v)", name, changed, err)
		}
	}
}
