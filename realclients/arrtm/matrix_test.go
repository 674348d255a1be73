package arrtm_test

import (
	"context"
	"encoding/json"
	"errors"
	"testing"

	"github.com/rs/zerolog"
	"maunium.net/go/mautrix"
	mautrixevent "maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"github.com/chappe-im/chappe/internal/testserver"
)

var peerMessage = mautrixevent.Type{Type: "im.chappe.rtm.peer_message", Class: mautrixevent.ToDeviceEventType}

// A user of RTM and one of Matrix write to one another.
func matrixClient(t *testing.T, p *program) {
	server, ledger := testserver.New(t), testserver.NewLedger()
	ann := p.entered(t, server, ledger, "ann")
	kim, device := matrixUser(t, server, ledger, "kim", "PHONE")
	for range 20 {
		ann.send(device, device.User)
		m := ledger.Sending(device, ann.device)
		content := mautrixevent.Content{Raw: map[string]any{"payload": m.Stamp()}}
		_, err := kim.SendToDevice(within(t), peerMessage, &mautrix.ReqSendToDevice{
			Messages: map[id.UserID]map[id.DeviceID]*mautrixevent.Content{id.UserID(ann.device.User): {rtm: &content}},
		})
		if err != nil {
			t.Fatal(err)
		}
		ledger.Accepted(m)
	}
	settle(t, ledger, ann)
}

// matrixUser registers a user and lets mautrix-go sync for one device of it.
func matrixUser(t *testing.T, server *testserver.Server, ledger *testserver.Ledger, localpart, deviceID string) (*mautrix.Client, testserver.Device) {
	t.Helper()
	matrix, err := mautrix.NewClient(server.URL(), "", "")
	if err != nil {
		t.Fatal(err)
	}
	answer, err := matrix.RegisterDummy(within(t), &mautrix.ReqRegister[any]{
		Username: localpart, Password: "a long password", DeviceID: id.DeviceID(deviceID),
	})
	if err != nil {
		t.Fatal(err)
	}
	matrix.UserID, matrix.DeviceID, matrix.AccessToken = answer.UserID, answer.DeviceID, answer.AccessToken
	matrix.Log = zerolog.New(t.Output()).Level(zerolog.WarnLevel)
	device := testserver.Device{User: string(answer.UserID), ID: deviceID}
	ledger.Join(device)
	syncer := mautrix.NewDefaultSyncer()
	syncer.OnEventType(peerMessage, func(_ context.Context, e *mautrixevent.Event) {
		ledger.Used(device, []testserver.Event{{Sender: string(e.Sender), Type: e.Type.Type, Content: json.RawMessage(e.Content.VeryRaw)}})
	})
	matrix.Syncer = syncer
	ctx, hangUp := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- matrix.SyncWithContext(ctx) }()
	t.Cleanup(func() {
		hangUp()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("%s stopped syncing: %v", device, err)
		}
	})
	return matrix, device
}
