# one row a day: what was known at 18:00 the day before, and what last week would have said
mkdir -p build
awk -F, 'NR==1 {print "day,decided_at,rain_mm,rain_known_at,naive,sold"; next}
  {at=$3; sub("T12:", "T18:", at); if (NR>8) print $1 "," at "," $2 "," $3 "," sold[NR-7] "," $4; sold[NR]=$4}' \
  data/sales.csv > build/features.csv
echo "$(($(wc -l < build/features.csv) - 1)) days"
