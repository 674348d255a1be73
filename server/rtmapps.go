package server

import (
	"context"
	"fmt"
	"sync"

	"github.com/chappe-im/chappe/clientapi"
	"github.com/chappe-im/chappe/config"
	"github.com/chappe-im/chappe/rtmcompat"
)

// reloadAppsPath is where the control socket is told that commands have changed the RTM
// apps that the data folder keeps.
const reloadAppsPath = "/rtm/apps/reload"

// AddRTMApp makes an app and keeps it in the data folder. A server that runs there takes
// it at once, and then told is true. Also where that fails the app has been made, unless
// its ID is "".
func AddRTMApp(ctx context.Context, cfg config.Config, namespace *string) (app config.RTMApp, told bool, err error) {
	if app, err = cfg.AddApp(namespace); err != nil {
		return config.RTMApp{}, false, err
	}
	told, err = tellOfApps(ctx, cfg)
	return app, told, err
}

// RotateRTMApp gives an app that AddRTMApp has made a new certificate, and new secrets to
// some of its keys. Tokens and secrets of before are refused from then on. It returns
// as AddRTMApp does.
func RotateRTMApp(ctx context.Context, cfg config.Config, id string, certificate bool, keys []string) (app config.RTMApp, told bool, err error) {
	if app, err = cfg.RotateApp(id, certificate, keys); err != nil {
		return config.RTMApp{}, false, err
	}
	told, err = tellOfApps(ctx, cfg)
	return app, told, err
}

func tellOfApps(ctx context.Context, cfg config.Config) (told bool, err error) {
	told, err = tell(ctx, cfg, reloadAppsPath, struct{}{})
	if err != nil {
		return false, fmt.Errorf("the change is kept, but the server that runs did not take it: %w", err)
	}
	return told, nil
}

// keptApps brings the apps that the data folder keeps to the parts that know apps.
type keptApps struct {
	cfg      config.Config
	door     *rtmcompat.Server
	accounts *clientapi.Server

	mu sync.Mutex // held from reading the apps until they are in effect, so that the last ones stay
}

func (k *keptApps) reload(context.Context, struct{}) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	cfg, err := k.cfg.WithKeptApps()
	if err != nil {
		return fmt.Errorf("read the RTM apps: %w", err)
	}
	k.accounts.Reserve(userPrefixes(cfg)) // first, so that nobody takes a name of a new app
	k.door.SetApps(rtmConfig(cfg).Apps)
	return nil
}

func userPrefixes(cfg config.Config) []string {
	var prefixes []string
	for _, app := range cfg.RTM.Apps {
		prefixes = append(prefixes, app.UserPrefix())
	}
	return prefixes
}
