# prints a request for /invocations: one row for each day of a delivery from the day $2 on
awk -F, -v from="$2" 'NR>1 && $1>=from {n++; rows = rows (n>1?",":"") "{\"rain_mm\":" $2 "}"; days = days (n>1?",":"") "\"" $1 "\""}
  END {print "{\"dataframe_records\":[" rows "],\"params\":{\"prediction_ids\":[" days "],\"event_times\":[" days "]}}"}' "$1"
