package federationapi

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"

	"github.com/matrix-org/gomatrixserverlib/spec"

	"github.com/chappe-im/chappe/internal/httpapi"
	"github.com/chappe-im/chappe/todevice"
)

// userKeysAnswer holds everything by user ID. It has no user-signing keys: they are
// for their owners only.
type userKeysAnswer struct {
	DeviceKeys      map[string]map[string]json.RawMessage `json:"device_keys"` // by user and device ID
	MasterKeys      map[string]json.RawMessage            `json:"master_keys"`
	SelfSigningKeys map[string]json.RawMessage            `json:"self_signing_keys"`
}

// decodeMember reads a member of a body that must be there.
func decodeMember(body json.RawMessage, name string, into any) error {
	if body == nil {
		return httpapi.NotJSON("The body is missing")
	}
	var fields map[string]json.RawMessage
	if err := httpapi.Decode(body, &fields); err != nil {
		return err
	}
	if fields[name] == nil {
		return httpapi.BadJSON(name + " is missing")
	}
	return httpapi.Decode(fields[name], into)
}

func readUserKeys(_ *http.Request, body json.RawMessage) (devices map[string][]string, err error) {
	var byUser map[string][]*string
	if err := decodeMember(body, "device_keys", &byUser); err != nil {
		return nil, err
	}
	devices = make(map[string][]string, len(byUser))
	asked := 0
	for user, listed := range byUser {
		if asked += len(listed); len(byUser) > todevice.MaxKeyUsers || asked > todevice.MaxKeyDevices {
			return nil, tooManyKeys()
		}
		if listed == nil || slices.Contains(listed, nil) {
			return nil, httpapi.BadJSON("The devices of a user are not a list of strings")
		}
		devices[user] = nil
		for _, device := range listed {
			devices[user] = append(devices[user], *device)
		}
	}
	return devices, nil
}

// tooManyKeys refuses a request before it costs anything.
func tooManyKeys() error {
	return httpapi.TooLarge(fmt.Sprintf("The request is for over %d users or %d devices", todevice.MaxKeyUsers, todevice.MaxKeyDevices))
}

// local gives the localpart of a user ID, if the user can be one of this server's.
func (s *Server) local(userID string) (localpart string, ok bool) {
	user, err := todevice.ParseUserID(userID)
	return user.Localpart, err == nil && user.Server == s.cfg.Name
}

// queryUserKeys: POST /_matrix/federation/v1/user/keys/query
//
// Users of other servers and such as do not exist are left out.
//
// https://spec.matrix.org/v1.15/server-server-api/#post_matrixfederationv1userkeysquery
func (s *Server) queryUserKeys(ctx context.Context, origin spec.ServerName, devices map[string][]string) (userKeysAnswer, error) {
	var queries []todevice.KeyQuery
	var localparts []string
	for userID, ids := range devices {
		if localpart, ok := s.local(userID); ok {
			queries = append(queries, todevice.KeyQuery{Localpart: localpart, DeviceIDs: ids})
			localparts = append(localparts, localpart)
		}
	}
	// Noted first: of a change after the keys are read the origin must hear.
	if err := s.store.NoteRemoteInterest(ctx, origin, localparts); err != nil {
		return userKeysAnswer{}, fmt.Errorf("query keys: %w", err)
	}
	users, err := s.store.QueryKeys(ctx, todevice.UserID{}, queries)
	if err != nil {
		return userKeysAnswer{}, fmt.Errorf("query keys: %w", err)
	}
	answer := userKeysAnswer{
		DeviceKeys:      make(map[string]map[string]json.RawMessage),
		MasterKeys:      make(map[string]json.RawMessage),
		SelfSigningKeys: make(map[string]json.RawMessage),
	}
	for localpart, keys := range users {
		if err := answer.add(todevice.UserID{Localpart: localpart, Server: s.cfg.Name}.String(), keys); err != nil {
			return userKeysAnswer{}, fmt.Errorf("query keys: %w", err)
		}
	}
	return answer, nil
}

func (a *userKeysAnswer) add(user string, keys todevice.UserKeys) (err error) {
	a.DeviceKeys[user] = make(map[string]json.RawMessage, len(keys.Devices))
	for _, device := range keys.Devices {
		if a.DeviceKeys[user][device.DeviceID], err = device.Object(); err != nil {
			return err
		}
	}
	if keys.Master != nil {
		a.MasterKeys[user] = keys.Master
	}
	if keys.SelfSigning != nil {
		a.SelfSigningKeys[user] = keys.SelfSigning
	}
	return nil
}

// claimedAnswer is by user ID, device ID and name of the key.
type claimedAnswer struct {
	OneTimeKeys map[string]map[string]map[string]json.RawMessage `json:"one_time_keys"`
}

// readUserClaims gives the algorithm asked for, by user and device ID.
func readUserClaims(_ *http.Request, body json.RawMessage) (claims map[string]map[string]string, err error) {
	if err := decodeMember(body, "one_time_keys", &claims); err != nil {
		return nil, err
	}
	asked := 0
	for _, devices := range claims {
		if asked += len(devices); len(claims) > todevice.MaxKeyUsers || asked > todevice.MaxKeyDevices {
			return nil, tooManyKeys()
		}
	}
	return claims, nil
}

// claimUserKeys: POST /_matrix/federation/v1/user/keys/claim
//
// Of whom there is no key, the answer says nothing.
//
// https://spec.matrix.org/v1.15/server-server-api/#post_matrixfederationv1userkeysclaim
func (s *Server) claimUserKeys(ctx context.Context, origin spec.ServerName, asked map[string]map[string]string) (claimedAnswer, error) {
	answer := claimedAnswer{OneTimeKeys: make(map[string]map[string]map[string]json.RawMessage)}
	var claims []todevice.KeyClaim
	var localparts []string
	for userID, devices := range asked {
		localpart, ok := s.local(userID)
		if !ok {
			continue
		}
		localparts = append(localparts, localpart)
		for device, algorithm := range devices {
			claims = append(claims, todevice.KeyClaim{Localpart: localpart, DeviceID: device, Algorithm: algorithm})
		}
	}
	if len(claims) == 0 {
		return answer, nil
	}
	if err := s.store.NoteRemoteInterest(ctx, origin, localparts); err != nil {
		return claimedAnswer{}, fmt.Errorf("claim keys: %w", err)
	}
	claimed, err := s.store.ClaimKeys(ctx, claims)
	for _, key := range claimed {
		user := todevice.UserID{Localpart: key.Localpart, Server: s.cfg.Name}.String()
		if answer.OneTimeKeys[user] == nil {
			answer.OneTimeKeys[user] = make(map[string]map[string]json.RawMessage)
		}
		answer.OneTimeKeys[user][key.DeviceID] = map[string]json.RawMessage{key.Name(): key.Key}
		if key.Low {
			s.notifier.Wake(key.Inbox)
		}
	}
	if err != nil {
		return claimedAnswer{}, fmt.Errorf("claim keys: %w", err)
	}
	return answer, nil
}
