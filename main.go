// Command paraplu is one roof over the whole life of a machine-learning product.
package main

import (
	"os"

	"github.com/paraplu/paraplu/internal/cli"
)

func main() {
	os.Exit(cli.Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}
