package server

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/sirupsen/logrus"

	"github.com/chappe-im/chappe/clientapi"
	"github.com/chappe-im/chappe/config"
	"github.com/chappe-im/chappe/storage/sqlite"
	"github.com/chappe-im/chappe/todevice"
)

// CreateUser makes an account in the database a configuration names, also while a
// server runs on it.
func CreateUser(ctx context.Context, cfg config.Config, log *logrus.Entry, name, password string, admin bool) (todevice.UserID, error) {
	store, err := openStore(cfg, "")
	if err != nil {
		return todevice.UserID{}, err
	}
	accounts := clientapi.New(clientConfig(cfg), store, nil, nil, log) // sends nothing, and notifies nobody
	id, err := accounts.CreateUser(ctx, name, password, admin)
	return id, errors.Join(err, store.Close())
}

// openStore opens the database in the data folder, and makes both where they are
// missing.
func openStore(cfg config.Config, driver string) (*sqlite.Store, error) {
	if err := os.MkdirAll(cfg.DataDir, 0o700); err != nil {
		return nil, fmt.Errorf("make the data folder: %w", err)
	}
	return sqlite.Open(filepath.Join(cfg.DataDir, "chappe.db"), sqlite.Options{ServerName: cfg.ServerName, Driver: driver})
}
