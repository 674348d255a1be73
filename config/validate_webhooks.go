package config

import (
	"encoding/base64"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/chappe-im/chappe/todevice"
)

// maxWebhooks bounds the webhooks of an app: each event is written once for each.
const maxWebhooks = 8

func (a RTMApp) checkWebhooks(at string, found *mistakes) {
	if len(a.Webhooks) > maxWebhooks {
		found.add(at+".webhooks", fmt.Sprintf("want %d at most", maxWebhooks))
	}
	urls := map[string]string{}
	for i, hook := range a.Webhooks {
		path := fmt.Sprintf("%s.webhooks[%d]", at, i)
		hook.check(path, found)
		unique(urls, hook.URL, path+".url", found)
	}
}

func (w RTMWebhook) check(at string, found *mistakes) {
	u, err := url.Parse(w.URL)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Hostname() == "" || u.User != nil || u.Fragment != "" {
		found.add(at+".url", "want an address that begins with https://, without a user name")
	}
	if !goodSecret(w.Secret) {
		found.add(at+".secret", "want 16 characters or more, or whsec_ and base64 of 16 bytes or more")
	}
	if len(w.Events) == 0 {
		found.add(at+".events", "missing: say of what it is to be told")
	}
	for i, name := range w.Events {
		path := fmt.Sprintf("%s.events[%d]", at, i)
		switch {
		case !slices.Contains(todevice.RTMEventTypes(), todevice.RTMEventType(name)):
			found.add(path, "want one of "+strings.Join(eventNames(), ", "))
		case slices.Contains(w.Events[:i], name):
			found.add(path, "stands further up already")
		}
	}
}

func eventNames() (names []string) {
	for _, t := range todevice.RTMEventTypes() {
		names = append(names, string(t))
	}
	return names
}

// goodSecret tells whether a webhook can sign with a secret.
func goodSecret(secret string) bool {
	if encoded, ok := strings.CutPrefix(secret, "whsec_"); ok {
		key, err := base64.StdEncoding.DecodeString(encoded)
		return err == nil && len(key) >= 16
	}
	return len(secret) >= 16
}
