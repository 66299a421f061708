# "training" takes the model that params.yaml names
name=$(sed -n 's/^ *model: *"\{0,1\}\([a-z]*\)"\{0,1\}$/\1/p' "$PARAPLU_PARAMS")
mkdir -p build/export
cp "models/$name"/* build/export/
echo "the $name model"
