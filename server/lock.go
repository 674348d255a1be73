package server

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/chappe-im/chappe/config"
)

const lockFile = "chappe.lock"

// lockFolder takes the data folder for this process, and makes it where it is
// missing. A second server on the same data would send what the first sends already.
// The operating system ends the lock with the process, however that ends. Commands
// beside a running server need no lock.
func lockFolder(folder string) (*os.File, error) {
	if err := makeFolder(folder); err != nil {
		return nil, err
	}
	path := filepath.Join(folder, lockFile)
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock the data folder: %w", err)
	}
	err = syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		err = fmt.Errorf("another chappe server%s is running on the data folder %s: stop that one, or give this one a data_dir of its own",
			holder(file), folder)
	} else if err == nil {
		err = writeHolder(file)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("lock the data folder: %w", err), file.Close())
	}
	return file, nil
}

func makeFolder(folder string) error {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return fmt.Errorf("make the data folder: %w", err)
	}
	return nil
}

// writeHolder puts the process into the file, for whoever finds it locked.
func writeHolder(file *os.File) error {
	if err := file.Truncate(0); err != nil {
		return err
	}
	_, err := file.WriteAt(fmt.Appendf(nil, "%d\n", os.Getpid()), 0)
	return err
}

// holder names the process that holds the lock, "" if it is not known.
func holder(file *os.File) string {
	content, err := io.ReadAll(io.LimitReader(file, 20))
	if pid := strings.TrimSpace(string(content)); err == nil && pid != "" {
		return " (process " + pid + ")"
	}
	return ""
}

func databasePath(cfg config.Config) string { return filepath.Join(cfg.DataDir, "chappe.db") }
