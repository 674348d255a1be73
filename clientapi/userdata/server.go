// Package userdata is the door to what users keep on the server for their clients:
// account data, filters, push rules, presence and pushers. What changes comes down
// /sync to all devices of the user.
package userdata

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/sirupsen/logrus"

	"github.com/chappe-im/chappe/internal/httpapi"
	"github.com/chappe-im/chappe/todevice"
)

// Store is what this door needs of storage. A change is durable when its method
// returns, and those that wait for it in /sync have been woken.
type Store interface {
	httpapi.Authenticator
	AccountData(ctx context.Context, localpart, dataType string) (json.RawMessage, error)
	SetAccountData(ctx context.Context, localpart, dataType string, content json.RawMessage) error
	// SwapAccountData sets nothing where the content is not the old one any more.
	SwapAccountData(ctx context.Context, localpart, dataType string, old, content json.RawMessage) (swapped bool, err error)
	// MakeFilter gives the same filter the same ID.
	MakeFilter(ctx context.Context, localpart string, filter json.RawMessage) (id string, err error)
	Filter(ctx context.Context, localpart, id string) (json.RawMessage, error)
	Presence(ctx context.Context, localpart string) (todevice.Presence, error)
	SetPresence(ctx context.Context, localpart string, state todevice.PresenceState, statusMsg *string) error
	Pushers(ctx context.Context, localpart string) ([]json.RawMessage, error)
	SetPusher(ctx context.Context, inbox todevice.InboxID, p todevice.Pusher, shared bool) error
	DeletePusher(ctx context.Context, localpart, appID, pushKey string) error
}

// Server answers these endpoints.
type Server struct {
	store Store
	log   *logrus.Entry
}

// New makes a Server. It starts nothing and has nothing to close.
func New(store Store, log *logrus.Entry) *Server { return &Server{store: store, log: log} }

// checkOwn refuses a path of another user.
func checkOwn(device todevice.Device, userID string) error {
	if userID != device.User.String() {
		return httpapi.Forbidden("This belongs to another user")
	}
	return nil
}

// refusal makes an answer of the storage's word that something may not be kept: there
// is too much, or the account has ended since the token was looked at.
func refusal(err error) error {
	switch {
	case errors.Is(err, todevice.ErrTooMuchData):
		return httpapi.Forbidden("You keep as many of these here as one user may")
	case errors.Is(err, todevice.ErrUnknownUser):
		return httpapi.UnknownToken()
	}
	return err
}
