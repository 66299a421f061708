package cli

import (
	_ "embed"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/ref"
)

// starter is the first paraplu.yaml: valid as it is, with the rest as comments to uncomment.
//
//go:embed starter.yaml
var starter string

func (s *session) initCommand() *cobra.Command {
	return &cobra.Command{Use: "init [FOLDER]", GroupID: "start", Args: cobra.MaximumNArgs(1),
		Short: "Begin a product of your own: write a first paraplu.yaml",
		RunE: func(_ *cobra.Command, args []string) error {
			dir := first(args, s.home)
			if err := os.MkdirAll(dir, 0o755); err != nil {
				return fault.Wrap(err, "making the folder")
			}
			name, err := productName(dir)
			if err != nil {
				return err
			}
			file := filepath.Join(dir, "paraplu.yaml")
			text := strings.NewReplacer("NAME", name, "MEMBER", memberName(s.actor(nil))).Replace(starter)
			f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
			if os.IsExist(err) {
				return fault.New(fault.Exists, "%s exists already and is left as it is", file).WithHint("paraplu next")
			} else if err != nil {
				return fault.Wrap(err, "writing %s", file)
			}
			_, err = f.WriteString(text)
			if cerr := f.Close(); err == nil {
				err = cerr
			}
			if err != nil {
				os.Remove(file) //nolint:errcheck // half a file would stand in the way of the next attempt
				return fault.Wrap(err, "writing %s", file)
			}
			s.show(map[string]string{"file": file, "product": name}, func() {
				s.printf("%s describes the product %s; edit it, it is meant to be read\n", file, name)
				s.printf("next: paraplu next, in its folder\n")
			})
			return nil
		}}
}

// productName is the name of the folder, as far as it is one.
func productName(dir string) (string, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return "", fault.Wrap(err, "folder %s", dir)
	}
	name := memberName(filepath.Base(abs))
	if err := ref.CheckName(name); err != nil {
		return "", fault.New(fault.Invalid, "the folder %s has no name that a product can have", abs).WithHint("paraplu init umbrellas")
	}
	return name, nil
}

// memberName keeps what a name may hold: lower-case letters, digits, - and _.
func memberName(text string) string {
	return strings.Trim(strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9', r == '-', r == '_':
			return r
		}
		return '-'
	}, strings.ToLower(text)), "-_")
}
