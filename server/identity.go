package server

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/matrix-org/gomatrixserverlib"
	"github.com/matrix-org/gomatrixserverlib/spec"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
	"github.com/sirupsen/logrus"

	"github.com/chappe-im/chappe/federationapi/signing"
)

const (
	// firstNameCheck is when the own name is first looked up: a proxy that is started
	// with the server is up by then.
	firstNameCheck = time.Minute
	nameCheckEvery = 6 * time.Hour
)

// An ownName sees to it that who answers under this server's name is this server.
// Two servers of one name, or of one name and another key, are refused by others
// now and then, and neither can tell why.
type ownName struct {
	name spec.ServerName
	key  signing.Key
	// ask gives the key object that is to be had under the name.
	ask      func(context.Context) ([]byte, error)
	mismatch prometheus.Gauge
	log      *logrus.Entry
}

func newOwnName(name spec.ServerName, key signing.Key, ask func(context.Context) ([]byte, error), log *logrus.Entry, registry prometheus.Registerer) *ownName {
	return &ownName{name: name, key: key, ask: ask, log: log, mismatch: promauto.With(registry).NewGauge(prometheus.GaugeOpts{
		Name: "federation_own_name_mismatch",
		Help: "1 if another server than this one, or this one with another key, was found under this server's name at the last look.",
	})}
}

// watch looks now and then, until ctx ends.
func (o *ownName) watch(ctx context.Context) error {
	timer := time.NewTimer(firstNameCheck)
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
			o.check(ctx)
			timer.Reset(nameCheckEvery)
		case <-ctx.Done():
			return nil
		}
	}
}

func (o *ownName) check(ctx context.Context) {
	object, err := o.ask(ctx)
	if err != nil {
		// A closed network, an address that only others can reach: it proves nothing.
		o.log.WithError(err).Debug("could not look at this server under its own name")
		return
	}
	if err := checkOwnKeys(object, o.name, o.key); err != nil {
		o.mismatch.Set(1)
		o.log.WithError(err).Error("other servers that look up this server's name do not find this server: " +
			"they will refuse what it sends. Is another server running under the same name, or was signing.key replaced? " +
			"See docs/FEDERATION.md, and try: chappe federation probe " + string(o.name))
		return
	}
	o.mismatch.Set(0)
}

// checkOwnKeys tells whether a key object that was found under our name is ours.
func checkOwnKeys(object []byte, name spec.ServerName, key signing.Key) error {
	const stranger = "another server than this one answers under our name"
	var published gomatrixserverlib.ServerKeyFields
	if err := json.Unmarshal(object, &published); err != nil {
		return errors.New(stranger + ": the answer is not a key object")
	}
	if published.ServerName != name {
		return errors.New(stranger + ": the key object is for another name")
	}
	verify, ok := published.VerifyKeys[key.ID]
	if !ok {
		return fmt.Errorf("%s: it does not have our key %s", stranger, key.ID)
	}
	if !key.Public().Equal(ed25519.PublicKey(verify.Key)) {
		return fmt.Errorf("%s: its key %s is another", stranger, key.ID)
	}
	return nil
}
