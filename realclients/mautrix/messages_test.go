package mautrix_test

import (
	"context"
	"errors"
	"net/http"
	"time"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"github.com/chappe-im/chappe/internal/testserver"
)

// A hastySyncer asks again at once where mautrix would wait for ten seconds, and
// takes no for an answer.
type hastySyncer struct{ *mautrix.DefaultSyncer }

func (hastySyncer) OnFailedSync(_ *mautrix.RespSync, err error) (time.Duration, error) {
	var refused mautrix.HTTPError
	if errors.As(err, &refused) && refused.RespError != nil {
		return 0, err
	}
	return 20 * time.Millisecond, nil
}

// takeEncrypted moves the encrypted messages out of a response. The crypto helper
// would decrypt them, too, but has nobody to give those to that are not its own.
func takeEncrypted(response *mautrix.RespSync) (encrypted []*event.Event) {
	var rest []*event.Event
	for _, e := range response.ToDevice.Events {
		if e.Type.Type == event.ToDeviceEncrypted.Type {
			encrypted = append(encrypted, e)
		} else {
			rest = append(rest, e)
		}
	}
	response.ToDevice.Events = rest
	return encrypted
}

// use decrypts the messages of one response and tells the ledger of them.
func (c *client) use(ctx context.Context, events []*event.Event) {
	var used []testserver.Event
	for _, e := range events {
		c.checkNew(e)
		e.Type.Class = event.ToDeviceEventType
		if err := e.Content.ParseRaw(e.Type); err != nil {
			c.t.Errorf("%s got an encrypted event that cannot be read: %v", c.device, err)
			continue
		}
		message := c.machine().HandleEncryptedEvent(ctx, e)
		if message == nil {
			c.t.Errorf("%s got a message of %s that it cannot decrypt, or did not expect", c.device, e.Sender)
			continue
		}
		if trust, err := c.machine().ResolveTrustContext(ctx, message.SenderDevice); trust != id.TrustStateCrossSignedVerified {
			c.t.Errorf("%s got a message of a device whose trust is %s: %v", c.device, trust, err)
		}
		used = append(used, testserver.Event{
			Sender: message.Sender.String(), Type: message.Type.Type, Content: message.Content.VeryRaw,
		})
	}
	c.ledger.Used(c.device, used)
}

func (c *client) checkNew(e *event.Event) {
	c.mu.Lock()
	defer c.mu.Unlock()
	text := string(e.Content.VeryRaw)
	if c.ciphertexts[text] {
		c.t.Errorf("%s got the same encrypted event again", c.device)
	}
	c.ciphertexts[text] = true
}

// send sends so many messages, one after the other, encrypted for one device.
func (c *client) send(ctx context.Context, messages int, to *client) error {
	device, err := c.machine().GetOrFetchDevice(ctx, id.UserID(to.device.User), id.DeviceID(to.device.ID))
	if err != nil {
		return err
	}
	for range messages {
		m := c.ledger.Sending(c.device, to.device)
		if err := c.machine().SendEncryptedToDevice(ctx, device, messageType, event.Content{Raw: m.Content()}); err != nil {
			return err
		}
		c.ledger.Accepted(m)
	}
	return nil
}

// checkNothingWaits ends the client, and looks whether the server would give its
// device anything again.
func (c *client) checkNothingWaits() {
	c.t.Helper()
	since, err := c.matrix.Store.LoadNextBatch(within(c.t), c.matrix.UserID)
	if err != nil {
		c.t.Fatal(err)
	}
	c.close()
	plain := testserver.ClientOver(http.DefaultTransport, c.matrix.HomeserverURL.String(), c.device, c.matrix.AccessToken)
	for _, token := range []string{since, ""} {
		response, err := plain.Sync(within(c.t), token, 0)
		if err != nil {
			c.t.Fatal(err)
		}
		if len(response.Events) > 0 {
			c.t.Errorf("since %q, %d messages wait for %s that it has had", token, len(response.Events), c.device)
		}
	}
}
