package main

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/chappe-im/chappe/config"
	"github.com/chappe-im/chappe/rtmcompat"
	"github.com/chappe-im/chappe/rtmcompat/rtmtoken"
)

type rtmToken struct {
	configFlag
	App    string          `placeholder:"APPID" help:"The app_id of the app. Left out: that of the only app there is."`
	UID    string          `name:"uid" required:"" placeholder:"UID" help:"The user of the app; upper and lower case differ."`
	TTL    time.Duration   `name:"ttl" default:"24h" help:"How long it can be used, 24h at most."`
	Format rtmtoken.Format `default:"006" enum:"006,007" help:"006 is understood by the SDKs of both vendors. 007 says whose it is, as \"Authorization: agora token=\" needs it."`
}

// Help is printed below the flags.
func (rtmToken) Help() string {
	return `Prints a token with which a program may send as this user of the app, and do nothing else: for a trial, or a script. The server need not run, and remembers nothing of it: a token ends when its time has come, or when the app gets another certificate. Give it to nobody but the user.

    curl -X POST http://127.0.0.1:8008/dev/v2/project/APPID/rtm/users/UID/peer_messages \
      -H "x-ar-token: $(chappe rtm token --app APPID --uid UID)" -H 'x-ar-uid: UID' \
      -H 'Content-Type: application/json' -d '{"destination":"bob","payload":"hello"}'

Programs make tokens by themselves, with the app's certificate and the token builder of either vendor. docs/RTM.md tells more.`
}

// Run prints the token, and nothing else.
func (c *rtmToken) Run(out io.Writer) error {
	cfg, err := c.load()
	if err != nil {
		return err
	}
	app, err := findApp(cfg.RTM.Apps, c.App)
	if err != nil {
		return err
	}
	maker := rtmcompat.App{ID: app.ID, Certificate: app.Certificate}
	token, err := maker.UserToken(c.Format, c.UID, time.Now(), c.TTL)
	if errors.Is(err, rtmtoken.ErrNoCertificate) {
		return fmt.Errorf("the app %s has no certificate, so no token is needed, and none would be taken: "+
			"by REST use one of its keys. Tokens are for apps with a certificate in the configuration", app.ID)
	}
	if err != nil {
		return err
	}
	fmt.Fprintln(out, token)
	return nil
}

// findApp finds an app by its ID, "" being the only one there is.
func findApp(apps []config.RTMApp, id string) (config.RTMApp, error) {
	if len(apps) == 0 {
		return config.RTMApp{}, errors.New("the configuration has no RTM app: `chappe rtm app add` makes one, or add one to rtm.apps")
	}
	if id == "" && len(apps) == 1 {
		return apps[0], nil
	}
	if i := slices.IndexFunc(apps, func(app config.RTMApp) bool { return app.ID == id }); i >= 0 {
		return apps[i], nil
	}
	var ids []string
	for _, app := range apps {
		ids = append(ids, app.ID)
	}
	problem := fmt.Sprintf("there is no RTM app %q", id)
	if id == "" {
		problem = "there is more than one RTM app: choose by --app"
	}
	return config.RTMApp{}, fmt.Errorf("%s; the configuration has %s", problem, strings.Join(ids, ", "))
}
