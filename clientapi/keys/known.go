package keys

import (
	"context"
	"encoding/json"
	"slices"

	"github.com/chappe-im/chappe/internal/rawjson"
	"github.com/chappe-im/chappe/todevice"
)

// completeLists gives what other servers have answered of the users of whom all
// devices were asked for.
func completeLists(q keyQuery, answers []todevice.RemoteKeys) map[todevice.UserID]todevice.RemoteDeviceList {
	lists := make(map[todevice.UserID]todevice.RemoteDeviceList)
	for _, answer := range answers {
		for user, devices := range answer.Devices {
			if asked, ok := q.devices[user]; !ok || len(asked) > 0 {
				continue
			}
			list := todevice.RemoteDeviceList{Master: answer.Master[user], SelfSigning: answer.SelfSigning[user]}
			for id, object := range devices {
				list.Devices = append(list.Devices, deviceOf(id, object))
			}
			lists[user] = list
		}
	}
	return lists
}

// deviceOf takes apart what a server answers of a device.
func deviceOf(id string, object json.RawMessage) todevice.DeviceKeys {
	members, _ := rawjson.Object(object)
	unsigned, _ := rawjson.Object(members["unsigned"])
	name, _ := rawjson.Text(unsigned["device_display_name"])
	keys, err := todevice.StoredKey(object)
	if err != nil {
		keys = object
	}
	return todevice.DeviceKeys{DeviceID: id, DisplayName: name, Keys: keys}
}

// knownKeys gives what is known of users whose server does not answer. Of whom
// nothing is known, it says nothing.
func (s *Server) knownKeys(ctx context.Context, queries map[todevice.UserID][]string) (todevice.RemoteKeys, error) {
	known := todevice.RemoteKeys{
		Devices:     make(map[todevice.UserID]map[string]json.RawMessage),
		Master:      make(map[todevice.UserID]json.RawMessage),
		SelfSigning: make(map[todevice.UserID]json.RawMessage),
	}
	for user, asked := range queries {
		list, complete, err := s.store.RemoteDeviceList(ctx, user)
		if err != nil {
			return todevice.RemoteKeys{}, err
		}
		if !complete && len(list.Devices) == 0 && list.Master == nil {
			continue // its server was to be asked, and never answered
		}
		known.Devices[user] = make(map[string]json.RawMessage)
		for _, device := range list.Devices {
			if len(asked) > 0 && !slices.Contains(asked, device.DeviceID) {
				continue
			}
			if known.Devices[user][device.DeviceID], err = device.Object(); err != nil {
				return todevice.RemoteKeys{}, err
			}
		}
		if list.Master != nil {
			known.Master[user] = list.Master
		}
		if list.SelfSigning != nil {
			known.SelfSigning[user] = list.SelfSigning
		}
	}
	return known, nil
}
