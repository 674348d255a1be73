package arrtm_test

import (
	"testing"

	"github.com/chappe-im/chappe/internal/testserver"
)

func TestMain(m *testing.M) { testserver.Main(m) }
