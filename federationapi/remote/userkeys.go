package remote

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/matrix-org/gomatrixserverlib/spec"

	"github.com/chappe-im/chappe/internal/rawjson"
	"github.com/chappe-im/chappe/todevice"
)

// QueryKeys asks a server for the keys of devices of its users; no device IDs stand
// for all of a user's. What the server says of others, and keys that name another
// user or device than they stand under or have not the shape of keys, are left out.
//
// https://spec.matrix.org/v1.15/server-server-api/#post_matrixfederationv1userkeysquery
func (c *Client) QueryKeys(ctx context.Context, server spec.ServerName, devices map[todevice.UserID][]string) (todevice.RemoteKeys, error) {
	asked := make(map[string][]string, len(devices))
	for user, ids := range devices {
		if user.Server == server {
			asked[user.String()] = append([]string{}, ids...) // [] and not null
		}
	}
	answer, err := c.ask(ctx, http.MethodPost, server, "/_matrix/federation/v1/user/keys/query", map[string]any{"device_keys": asked})
	if err != nil {
		return todevice.RemoteKeys{}, err
	}
	keys := todevice.RemoteKeys{
		Devices:     make(map[todevice.UserID]map[string]json.RawMessage),
		Master:      make(map[todevice.UserID]json.RawMessage),
		SelfSigning: make(map[todevice.UserID]json.RawMessage),
	}
	byUser, _ := rawjson.Object(answer["device_keys"])
	masters, _ := rawjson.Object(answer["master_keys"])
	selfSigning, _ := rawjson.Object(answer["self_signing_keys"])
	for user := range devices {
		name := user.String()
		if _, ok := asked[name]; !ok {
			continue
		}
		if list, ok := rawjson.Object(byUser[name]); ok {
			keys.Devices[user] = devicesOf(name, list)
		}
		if text(masters[name], "user_id") == name && todevice.CrossSigningKeyShaped(masters[name]) {
			keys.Master[user] = masters[name]
		}
		if text(selfSigning[name], "user_id") == name && todevice.CrossSigningKeyShaped(selfSigning[name]) {
			keys.SelfSigning[user] = selfSigning[name]
		}
	}
	return keys, nil
}

// devicesOf gives those of the keys that are the user's and the device's by whose
// ID they stand.
func devicesOf(user string, list map[string]json.RawMessage) map[string]json.RawMessage {
	devices := make(map[string]json.RawMessage, len(list))
	for id, keys := range list {
		if isOf(keys, user, id) {
			devices[id] = keys
		}
	}
	return devices
}

// isOf tells whether keys are those of a device of a user.
func isOf(keys json.RawMessage, user, device string) bool {
	return text(keys, "user_id") == user && text(keys, "device_id") == device && todevice.DeviceKeysShaped(keys)
}

const claimURI = "/_matrix/federation/v1/user/keys/claim"

// ClaimKeys asks a server for one key of an algorithm for each device of its users.
// It must not be repeated: if the answer was lost, so are the keys. Keys that were
// not asked for, or are none, are left out.
//
// https://spec.matrix.org/v1.15/server-server-api/#post_matrixfederationv1userkeysclaim
func (c *Client) ClaimKeys(ctx context.Context, server spec.ServerName, claims map[todevice.UserID]map[string]string) (todevice.RemoteClaim, error) {
	asked := make(map[string]map[string]string, len(claims))
	for user, devices := range claims {
		if user.Server == server {
			asked[user.String()] = devices
		}
	}
	answer, err := c.ask(ctx, http.MethodPost, server, claimURI, map[string]any{"one_time_keys": asked})
	if err != nil {
		return nil, err
	}
	claimed := make(todevice.RemoteClaim)
	byUser, _ := rawjson.Object(answer["one_time_keys"])
	for user := range claims {
		devices := make(map[string]map[string]json.RawMessage)
		byDevice, _ := rawjson.Object(byUser[user.String()])
		for device, algorithm := range asked[user.String()] {
			byName, _ := rawjson.Object(byDevice[device])
			if keys := ofAlgorithm(algorithm, byName); len(keys) > 0 {
				devices[device] = keys
			}
		}
		if len(devices) > 0 {
			claimed[user] = devices
		}
	}
	return claimed, nil
}

// ofAlgorithm gives those of the keys that are of an algorithm.
func ofAlgorithm(algorithm string, byName map[string]json.RawMessage) map[string]json.RawMessage {
	keys := make(map[string]json.RawMessage)
	for name, key := range byName {
		if strings.HasPrefix(name, algorithm+":") && todevice.OneTimeKeyShaped(key) {
			keys[name] = key
		}
	}
	return keys
}

// UserDevices asks a user's server for all of the user's devices.
//
// https://spec.matrix.org/v1.15/server-server-api/#get_matrixfederationv1userdevicesuserid
func (c *Client) UserDevices(ctx context.Context, user todevice.UserID) (todevice.RemoteDeviceList, error) {
	uri := "/_matrix/federation/v1/user/devices/" + url.PathEscape(user.String())
	answer, err := c.ask(ctx, http.MethodGet, user.Server, uri, nil)
	if err != nil {
		return todevice.RemoteDeviceList{}, err
	}
	if name, _ := rawjson.Text(answer["user_id"]); name != user.String() {
		return todevice.RemoteDeviceList{}, errors.New("the answer is of another user")
	}
	var list todevice.RemoteDeviceList
	devices, ok := rawjson.List(answer["devices"])
	if !ok || answer["stream_id"] == nil || json.Unmarshal(answer["stream_id"], &list.StreamID) != nil {
		return todevice.RemoteDeviceList{}, errors.New("the answer has the wrong shape")
	}
	for _, raw := range devices {
		device, _ := rawjson.Object(raw)
		keys, id := device["keys"], text(raw, "device_id")
		if isOf(keys, user.String(), id) {
			list.Devices = append(list.Devices, todevice.DeviceKeys{
				DeviceID: id, DisplayName: text(raw, "device_display_name"), Keys: keys,
			})
		}
	}
	if master := answer["master_key"]; text(master, "user_id") == user.String() && todevice.CrossSigningKeyShaped(master) {
		list.Master = answer["master_key"]
	}
	if key := answer["self_signing_key"]; text(key, "user_id") == user.String() && todevice.CrossSigningKeyShaped(key) {
		list.SelfSigning = answer["self_signing_key"]
	}
	return list, nil
}

// Profile asks a user's server what the user shows of themselves, or for one field
// of it where field is not "".
//
// https://spec.matrix.org/v1.15/server-server-api/#get_matrixfederationv1queryprofile
func (c *Client) Profile(ctx context.Context, user todevice.UserID, field string) (todevice.Profile, error) {
	query := url.Values{"user_id": {user.String()}}
	if field != "" {
		query.Set("field", field)
	}
	answer, err := c.ask(ctx, http.MethodGet, user.Server, "/_matrix/federation/v1/query/profile?"+query.Encode(), nil)
	if err != nil {
		return todevice.Profile{}, err
	}
	var profile todevice.Profile
	profile.DisplayName, _ = rawjson.Text(answer["displayname"])
	profile.AvatarURL, _ = rawjson.Text(answer["avatar_url"])
	return profile, nil
}
