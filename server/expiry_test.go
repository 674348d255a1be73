package server

import (
	"context"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sirupsen/logrus"
	"github.com/sirupsen/logrus/hooks/test"

	"github.com/chappe-im/chappe/config"
	"github.com/chappe-im/chappe/todevice"
)

// More than one commit removes, so that it is seen that the last is waited for.
func TestTheSweepRemovesAllMessagesWhoseTimeIsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := config.Default()
		cfg.ServerName, cfg.DataDir = "here.test", filepath.Join(t.TempDir(), "data")
		cfg.Client.Listen, cfg.Federation.Listen = "", ""
		log, _ := test.NewNullLogger()
		s, err := NewIn(Environment{}, cfg, logrus.NewEntry(log))
		if err != nil {
			t.Fatal(err)
		}
		device, err := s.store.EnsureDevice(t.Context(), "bob", "B")
		if err != nil {
			t.Fatal(err)
		}
		message := todevice.Message{To: device.User, Device: "B", Content: []byte(`{}`), Class: todevice.KeepLatest}
		for range 150 {
			_, err := s.store.Accept(t.Context(), todevice.Batch{Sends: []todevice.Send{{Sender: device.User, Type: "t", Messages: []todevice.Message{message}}}})
			if err != nil {
				t.Fatal(err)
			}
		}
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- s.sweep(ctx) }()
		time.Sleep(7*24*time.Hour + sweepEvery)
		synctest.Wait()
		if left, err := s.store.ExpireMessages(t.Context(), time.Now()); len(left) != 0 || err != nil {
			t.Errorf("%d messages were left, %v", len(left), err)
		}
		if held, err := s.store.Confirm(t.Context(), device.Inbox, s.store.Head()); held != 0 || err != nil {
			t.Errorf("the inbox held %d messages, %v", held, err)
		}
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if err := s.close(); err != nil {
			t.Error(err)
		}
	})
}
