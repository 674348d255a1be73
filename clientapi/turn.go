package clientapi

import (
	"context"
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"fmt"
	"time"

	"github.com/chappe-im/chappe/todevice"
)

// TURN is a relay for calls, and a secret it shares with this server.
type TURN struct {
	URIs         []string // none where there is no relay
	SharedSecret string
	Lifetime     time.Duration
}

type turnAnswer struct {
	Username string   `json:"username"`
	Password string   `json:"password"`
	URIs     []string `json:"uris"`
	TTL      int64    `json:"ttl"` // seconds
}

// turnServer gives the user a name and a password for the relay, by which the relay
// sees who they are for and how long they last. Without a relay the answer is {}.
//
// GET /_matrix/client/v3/voip/turnServer
// https://spec.matrix.org/v1.15/client-server-api/#get_matrixclientv3voipturnserver
// https://datatracker.ietf.org/doc/html/draft-uberti-behave-turn-rest-00
func (s *Server) turnServer(_ context.Context, device todevice.Device, _ struct{}) (any, error) {
	relay := s.config.TURN
	if len(relay.URIs) == 0 {
		return struct{}{}, nil
	}
	username := fmt.Sprintf("%d:%s", time.Now().Add(relay.Lifetime).Unix(), device.User)
	mac := hmac.New(sha1.New, []byte(relay.SharedSecret))
	mac.Write([]byte(username))
	return turnAnswer{
		Username: username,
		Password: base64.StdEncoding.EncodeToString(mac.Sum(nil)),
		URIs:     relay.URIs,
		TTL:      int64(relay.Lifetime.Seconds()),
	}, nil
}
