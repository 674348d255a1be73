package keys

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/matrix-org/gomatrixserverlib/spec"

	"github.com/chappe-im/chappe/clientapi/otherservers"
	"github.com/chappe-im/chappe/internal/httpapi"
	"github.com/chappe-im/chappe/internal/rawjson"
	"github.com/chappe-im/chappe/todevice"
)

type claimQuery struct {
	// claims holds, for each device, the algorithm of the key asked for.
	claims  map[todevice.UserID]map[string]string
	timeout time.Duration
}

type claimAnswer struct {
	// OneTimeKeys is by user ID, device ID and name of the key.
	OneTimeKeys map[string]map[string]map[string]json.RawMessage `json:"one_time_keys"`
	Failures    map[spec.ServerName]otherservers.Failure         `json:"failures"`
}

// add adds a key; so nobody is in the answer of whom there is none.
func (a claimAnswer) add(user todevice.UserID, device, name string, key json.RawMessage) {
	byDevice := a.OneTimeKeys[user.String()]
	if byDevice == nil {
		byDevice = make(map[string]map[string]json.RawMessage)
		a.OneTimeKeys[user.String()] = byDevice
	}
	if byDevice[device] == nil {
		byDevice[device] = make(map[string]json.RawMessage)
	}
	byDevice[device][name] = key
}

func readClaim(r *http.Request) (q claimQuery, err error) {
	fields, err := httpapi.ReadObject(r)
	if err != nil {
		return claimQuery{}, err
	}
	if q.timeout, err = otherservers.ReadTimeout(fields["timeout"]); err != nil {
		return claimQuery{}, err
	}
	if rawjson.Present(fields["one_time_keys"]) == nil {
		return claimQuery{}, httpapi.BadJSON("one_time_keys is missing")
	}
	var byUser map[string]map[string]*string
	if err := httpapi.Decode(fields["one_time_keys"], &byUser); err != nil {
		return claimQuery{}, err
	}
	q.claims = make(map[todevice.UserID]map[string]string, len(byUser))
	asked := 0
	for name, byDevice := range byUser {
		if asked += len(byDevice); len(byUser) > todevice.MaxKeyUsers || asked > todevice.MaxKeyDevices {
			return claimQuery{}, tooMany()
		}
		claims := make(map[string]string, len(byDevice))
		for device, algorithm := range byDevice {
			if algorithm == nil {
				return claimQuery{}, httpapi.BadJSON("The algorithm of a claim is not a string")
			}
			claims[device] = *algorithm
		}
		if user, err := todevice.ParseUserID(name); err == nil { // of others there can be no keys
			q.claims[user] = claims
		}
	}
	return q, nil
}

// keys counts the keys that are asked for.
func (q claimQuery) keys() (n int) {
	for _, claims := range q.claims {
		n += len(claims)
	}
	return n
}

// claim takes one key of each device for the caller alone, or gives the
// device's fallback key. Of whom there is none, the answer says nothing.
//
// POST /_matrix/client/v3/keys/claim
// https://spec.matrix.org/v1.15/client-server-api/#post_matrixclientv3keysclaim
func (s *Server) claim(ctx context.Context, device todevice.Device, q claimQuery) (claimAnswer, error) {
	if err := s.limits.Claim(device.User, q.keys()); err != nil {
		return claimAnswer{}, err
	}
	var local []todevice.KeyClaim
	remote := make(map[spec.ServerName]map[todevice.UserID]map[string]string)
	for user, claims := range q.claims {
		if user.Server == s.name {
			for device, algorithm := range claims {
				local = append(local, todevice.KeyClaim{Localpart: user.Localpart, DeviceID: device, Algorithm: algorithm})
			}
			continue
		}
		if remote[user.Server] == nil {
			remote[user.Server] = make(map[todevice.UserID]map[string]string)
		}
		remote[user.Server][user] = claims
	}
	answer := claimAnswer{
		OneTimeKeys: make(map[string]map[string]map[string]json.RawMessage),
		Failures:    make(map[spec.ServerName]otherservers.Failure),
	}
	if err := s.store.NoteInterest(ctx, device.User.Localpart, slices.Collect(maps.Keys(q.claims))); err != nil {
		return claimAnswer{}, fmt.Errorf("claim keys: %w", err)
	}
	if err := s.claimLocally(ctx, answer, local); err != nil {
		return claimAnswer{}, fmt.Errorf("claim keys: %w", err)
	}
	// Never asked again: a server that did not answer in time may have given a key.
	answers, failures := otherservers.AskAll(ctx, q.timeout, remote, s.remote.ClaimKeys)
	answer.Failures = failures
	for _, users := range answers {
		for user, devices := range users {
			for device, keys := range devices {
				for name, key := range keys {
					answer.add(user, device, name, key)
				}
			}
		}
	}
	return answer, nil
}

// claimLocally adds keys of local users, and has those devices look that run out
// of them.
func (s *Server) claimLocally(ctx context.Context, answer claimAnswer, claims []todevice.KeyClaim) error {
	if len(claims) == 0 {
		return nil
	}
	claimed, err := s.store.ClaimKeys(ctx, claims)
	for _, key := range claimed {
		user := todevice.UserID{Localpart: key.Localpart, Server: s.name}
		answer.add(user, key.DeviceID, key.Name(), key.Key)
		if key.Low {
			s.notifier.Wake(key.Inbox)
		}
	}
	return err
}
