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

type keyQuery struct {
	// devices lists the devices asked for; none stands for all of the user's.
	devices map[todevice.UserID][]string
	timeout time.Duration
}

// queryAnswer holds everything by user ID. Its maps are never null.
type queryAnswer struct {
	DeviceKeys      map[string]map[string]json.RawMessage    `json:"device_keys"` // by user and device ID
	MasterKeys      map[string]json.RawMessage               `json:"master_keys"`
	SelfSigningKeys map[string]json.RawMessage               `json:"self_signing_keys"`
	UserSigningKeys map[string]json.RawMessage               `json:"user_signing_keys"`
	Failures        map[spec.ServerName]otherservers.Failure `json:"failures"`
}

func newQueryAnswer() queryAnswer {
	return queryAnswer{
		DeviceKeys:      make(map[string]map[string]json.RawMessage),
		MasterKeys:      make(map[string]json.RawMessage),
		SelfSigningKeys: make(map[string]json.RawMessage),
		UserSigningKeys: make(map[string]json.RawMessage),
		Failures:        make(map[spec.ServerName]otherservers.Failure),
	}
}

func readQuery(r *http.Request) (q keyQuery, err error) {
	fields, err := httpapi.ReadObject(r)
	if err != nil {
		return keyQuery{}, err
	}
	if q.timeout, err = otherservers.ReadTimeout(fields["timeout"]); err != nil {
		return keyQuery{}, err
	}
	if rawjson.Present(fields["device_keys"]) == nil {
		return keyQuery{}, httpapi.BadJSON("device_keys is missing")
	}
	var byUser map[string][]*string
	if err := httpapi.Decode(fields["device_keys"], &byUser); err != nil {
		return keyQuery{}, err
	}
	q.devices = make(map[todevice.UserID][]string, len(byUser))
	asked := 0
	for name, listed := range byUser {
		if asked += len(listed); len(byUser) > todevice.MaxKeyUsers || asked > todevice.MaxKeyDevices {
			return keyQuery{}, tooMany()
		}
		if listed == nil || slices.Contains(listed, nil) {
			return keyQuery{}, httpapi.BadJSON("The devices of a user are not a list of strings")
		}
		devices := make([]string, len(listed))
		for i, device := range listed {
			devices[i] = *device
		}
		if user, err := todevice.ParseUserID(name); err == nil { // of others there can be no keys
			q.devices[user] = devices
		}
	}
	return q, nil
}

// tooMany refuses a request before it costs anything.
func tooMany() error {
	return httpapi.TooLarge(fmt.Sprintf("The request is for over %d users or %d devices", todevice.MaxKeyUsers, todevice.MaxKeyDevices))
}

// query gives the keys of users, here and elsewhere. Other servers are asked
// each time: most tell those of changes who share a room, and so not us. What is kept
// of their answers stands in for those that cannot be reached.
//
// POST /_matrix/client/v3/keys/query
// https://spec.matrix.org/v1.15/client-server-api/#post_matrixclientv3keysquery
func (s *Server) query(ctx context.Context, device todevice.Device, q keyQuery) (queryAnswer, error) {
	var local []todevice.KeyQuery
	remote := make(map[spec.ServerName]map[todevice.UserID][]string)
	for user, devices := range q.devices {
		if user.Server == s.name {
			local = append(local, todevice.KeyQuery{Localpart: user.Localpart, DeviceIDs: devices})
			continue
		}
		if remote[user.Server] == nil {
			remote[user.Server] = make(map[todevice.UserID][]string)
		}
		remote[user.Server][user] = devices
	}
	// Noted first: of a change after the keys are read the user must hear.
	if err := s.store.NoteInterest(ctx, device.User.Localpart, slices.Collect(maps.Keys(q.devices))); err != nil {
		return queryAnswer{}, fmt.Errorf("query keys: %w", err)
	}
	answer := newQueryAnswer()
	if err := s.addLocalKeys(ctx, &answer, device.User, local); err != nil {
		return queryAnswer{}, fmt.Errorf("query keys: %w", err)
	}
	if len(remote) == 0 {
		return answer, nil
	}
	asked := s.store.Head()
	answers, failures := otherservers.AskAll(ctx, q.timeout, remote, s.remote.QueryKeys)
	answer.Failures = failures
	if err := s.store.SawRemoteKeys(ctx, asked, completeLists(q, answers)); err != nil {
		return queryAnswer{}, fmt.Errorf("query keys: %w", err)
	}
	for server, failed := range failures {
		if failed.Unreachable {
			known, err := s.knownKeys(ctx, remote[server])
			if err != nil {
				return queryAnswer{}, fmt.Errorf("query keys: %w", err)
			}
			answers = append(answers, known)
		}
	}
	if err := s.addRemoteKeys(ctx, &answer, device.User, answers); err != nil {
		return queryAnswer{}, fmt.Errorf("query keys: %w", err)
	}
	return answer, nil
}

// addLocalKeys adds what the viewer may see of local users. One who has no keys is
// there, one who does not exist is not.
func (s *Server) addLocalKeys(ctx context.Context, answer *queryAnswer, viewer todevice.UserID, queries []todevice.KeyQuery) error {
	users, err := s.store.QueryKeys(ctx, viewer, queries)
	if err != nil {
		return err
	}
	for localpart, keys := range users {
		user := todevice.UserID{Localpart: localpart, Server: s.name}.String()
		answer.DeviceKeys[user] = make(map[string]json.RawMessage, len(keys.Devices))
		for _, device := range keys.Devices {
			if answer.DeviceKeys[user][device.DeviceID], err = device.Object(); err != nil {
				return err
			}
		}
		addKey(answer.MasterKeys, user, keys.Master)
		addKey(answer.SelfSigningKeys, user, keys.SelfSigning)
		addKey(answer.UserSigningKeys, user, keys.UserSigning)
	}
	return nil
}

func addKey(keys map[string]json.RawMessage, user string, key json.RawMessage) {
	if key != nil {
		keys[user] = key
	}
}

// addRemoteKeys adds what other servers say of their users. On master keys it adds
// the signatures of the viewer, which only this server has.
func (s *Server) addRemoteKeys(ctx context.Context, answer *queryAnswer, viewer todevice.UserID, remote []todevice.RemoteKeys) error {
	own, err := s.store.SignaturesBy(ctx, viewer)
	if err != nil {
		return err
	}
	for _, keys := range remote {
		for user, devices := range keys.Devices {
			answer.DeviceKeys[user.String()] = devices
		}
		for user, key := range keys.Master {
			added := own[user.String()][todevice.PublicKey(key)]
			if added != nil {
				if key, err = todevice.WithSignatures(key, added, func(string) bool { return true }); err != nil {
					return err
				}
			}
			answer.MasterKeys[user.String()] = key
		}
		for user, key := range keys.SelfSigning {
			answer.SelfSigningKeys[user.String()] = key
		}
	}
	return nil
}
