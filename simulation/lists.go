package simulation

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/matrix-org/gomatrixserverlib/spec"

	"github.com/chappe-im/chappe/internal/testserver"
	"github.com/chappe-im/chappe/storage/sqlite"
	"github.com/chappe-im/chappe/todevice"
)

// changeKeys has a device upload other identity keys, until it is told that they are
// taken.
func (w *world) changeKeys(ctx context.Context, c *testserver.Client, version int) error {
	body, err := json.Marshal(map[string]any{"device_keys": map[string]any{
		"user_id": c.Device.User, "device_id": c.Device.ID, "algorithms": []string{"m.olm.v1.curve25519-aes-sha2"},
		"keys": map[string]string{"ed25519:" + c.Device.ID: fmt.Sprint(version)}, "signatures": map[string]any{},
	}})
	if err != nil {
		return err
	}
	return testserver.Retry(ctx, time.Minute, func(ctx context.Context) error {
		answer, err := c.Do(ctx, testserver.Request{Method: http.MethodPost, Path: "/_matrix/client/v3/keys/upload", Body: body})
		if err != nil {
			return err
		}
		return answer.Err()
	})
}

// agree waits until every server that was told of a user's devices knows them as the
// user's own server does. It gives the number of lists compared, and those that still
// differ when the time is over.
//
// Then every device changes its keys once more, so that every server that is
// interested must hear of it, and all are compared again.
func (w *world) agree(ctx context.Context) (lists int, differ []string, err error) {
	if _, differ, err := w.await(ctx, false); err != nil || len(differ) > 0 {
		return 0, differ, err
	}
	for i, c := range w.clients {
		if err := w.changeKeys(ctx, c, 1000+i); err != nil {
			return 0, nil, err
		}
	}
	return w.await(ctx, true)
}

func (w *world) await(ctx context.Context, all bool) (lists int, differ []string, err error) {
	for until := time.Now().Add(settleTime); ; {
		lists, differ, err = w.compareLists(ctx, all)
		if err != nil || len(differ) == 0 || time.Now().After(until) {
			return lists, differ, err
		}
		if err := pass(ctx, 2*time.Minute); err != nil {
			return lists, differ, err
		}
	}
}

func (w *world) compareLists(ctx context.Context, all bool) (lists int, differ []string, err error) {
	stores := make(map[spec.ServerName]*sqlite.Store)
	defer func() {
		for _, s := range stores {
			_ = s.Close() // it has only read
		}
	}()
	for _, n := range w.nodes {
		s, err := sqlite.Open(n.database(), sqlite.Options{ServerName: n.name, Driver: n.bug.driver()})
		if err != nil {
			return 0, nil, err
		}
		stores[n.name] = s
	}
	for _, user := range w.users() {
		own, err := stores[user.Server].DeviceList(ctx, user.Localpart)
		if err != nil {
			return 0, nil, err
		}
		servers, err := stores[user.Server].InterestedServers(ctx, user.Localpart)
		if err != nil {
			return 0, nil, err
		}
		for _, server := range servers {
			known, complete, err := stores[server].RemoteDeviceList(ctx, user)
			if err != nil {
				return 0, nil, err
			}
			if !all && !complete && len(known.Devices) == 0 && known.StreamID == 0 {
				continue // it was not told yet
			}
			lists++
			if want, got := listed(own.Devices), listed(known.Devices); !complete || want != got {
				differ = append(differ, fmt.Sprintf("%s at %s (complete: %v): %s, not %s", user, server, complete, got, want))
			}
		}
	}
	return lists, differ, nil
}

// users lists all users, each once.
func (w *world) users() (users []todevice.UserID) {
	for _, d := range w.plan.devices {
		if user, err := todevice.ParseUserID(d.User); err == nil && !slices.Contains(users, user) {
			users = append(users, user)
		}
	}
	return users
}

// listed writes the devices in an order of their IDs.
func listed(devices []todevice.DeviceKeys) string {
	var lines []string
	for _, d := range devices {
		lines = append(lines, d.DeviceID+" "+string(d.Keys))
	}
	slices.Sort(lines)
	return strings.Join(lines, ", ")
}
