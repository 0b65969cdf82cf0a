package shop

import (
	"fmt"
	"testing"
)

func TestAdds(t *testing.T) { fmt.Println(`{"Action":"half`) }

func TestFails(t *testing.T) { t.Fatal("bad \x1b[31m") }

func TestSkipped(t *testing.T) { t.Skip("not here") }

func TestParts(t *testing.T) {
	t.Run("first", func(t *testing.T) {})
	t.Run("second", func(t *testing.T) { t.Error("no") })
}

