package server

import (
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sirupsen/logrus"
	"github.com/sirupsen/logrus/hooks/test"

	"github.com/chappe-im/chappe/config"
	"github.com/chappe-im/chappe/todevice"
)

// P1, P2: what a program says in a channel reaches its guests from the first moment on at
// which the server answers: here it has not begun to do anything else.
func TestGuestsAreInTheirChannelsBeforeTheFirstRequest(t *testing.T) {
	app := strings.Repeat("a", 32)
	cfg := config.Default()
	cfg.ServerName, cfg.DataDir = "here.test", filepath.Join(t.TempDir(), "data")
	cfg.Client.Listen, cfg.Federation.Listen = "", ""
	cfg.RTM.Apps = []config.RTMApp{{ID: app, Keys: []config.RTMKey{{Key: "k", Secret: "s"}}}}
	log, _ := test.NewNullLogger()
	open := func() *Server {
		s, err := NewIn(Environment{}, cfg, logrus.NewEntry(log))
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	s := open()
	bob, err := s.store.Register(t.Context(), todevice.Account{Localpart: "bob"}, todevice.Login{DeviceID: "B", Token: "t"})
	if err != nil {
		t.Fatal(err)
	}
	guest := todevice.Batch{Guests: []todevice.ChannelGuestChange{{ChannelGuest: todevice.ChannelGuest{
		Channel: todevice.Channel{App: app, Name: "room"}, User: bob.User,
	}}}}
	if _, err := s.store.Accept(t.Context(), guest); err != nil {
		t.Fatal(err)
	}
	if err := s.close(); err != nil {
		t.Fatal(err)
	}

	s = open()
	defer func() { _ = s.close() }()
	request := httptest.NewRequest(http.MethodPost, "/dev/v2/project/"+app+"/rtm/users/bot/channel_messages",
		strings.NewReader(`{"channel_name":"room","payload":"hello"}`))
	request.SetBasicAuth("k", "s")
	w := httptest.NewRecorder()
	s.ClientHandler().ServeHTTP(w, request)
	events, _, err := s.store.Pending(t.Context(), bob.Inbox, 0)
	if w.Code != http.StatusOK || err != nil || len(events) != 1 || !strings.Contains(string(events[0].JSON), `"payload":"hello"`) {
		t.Errorf("answered %d %s; the guest has %d events, %v", w.Code, w.Body, len(events), err)
	}
}
