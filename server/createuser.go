package server

import (
	"context"
	"errors"

	"github.com/sirupsen/logrus"

	"github.com/chappe-im/chappe/clientapi"
	"github.com/chappe-im/chappe/config"
	"github.com/chappe-im/chappe/storage/sqlite"
	"github.com/chappe-im/chappe/todevice"
)

// CreateUser makes an account in the database a configuration names, also while a
// server runs on it.
func CreateUser(ctx context.Context, cfg config.Config, log *logrus.Entry, name, password string, admin bool) (todevice.UserID, error) {
	store, err := openStore(cfg, sqlite.Options{})
	if err != nil {
		return todevice.UserID{}, err
	}
	accounts := clientapi.New(clientConfig(cfg), store, nil, nil, nil, log) // sends nothing, notifies nobody, and asks nobody
	id, err := accounts.CreateUser(ctx, name, password, admin)
	return id, errors.Join(err, store.Close())
}

// openStore opens the database in the data folder, and makes both where they are
// missing.
func openStore(cfg config.Config, o sqlite.Options) (*sqlite.Store, error) {
	if err := makeFolder(cfg.DataDir); err != nil {
		return nil, err
	}
	o.ServerName = cfg.ServerName
	o.MaxInboxRows, o.MaxInboxBytes = cfg.Quotas.InboxMessages, cfg.Quotas.InboxBytes
	o.HistoryAge, o.HistoryBytes = cfg.RTM.History.Keep, cfg.RTM.History.MaxBytes
	return sqlite.Open(databasePath(cfg), o)
}
