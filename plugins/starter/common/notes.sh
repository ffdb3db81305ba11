#!/bin/sh
# Fills a folder with notes to try the connector with.
mkdir -p "$1"
for i in $(seq 1 35); do
	echo "{\"id\":\"$i\",\"title\":\"note $i\",\"text\":\"what it says\",\"stars\":$((i % 5)),\"changed\":$i}" > "$1/$i.json"
done
