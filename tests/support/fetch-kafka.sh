#!/bin/sh
# Fetches Apache Kafka into a cache below the target folder, once, and formats an empty log for
# brokers to start from. Usage: fetch-kafka.sh [FOLDER]. Safe to run in parallel.
set -eu
version=4.3.1
cache=${1:-${CARGO_TARGET_DIR:-$(dirname "$0")/../../target}/kafka-$version}

for tool in java mvn flock; do
    command -v $tool >/dev/null || {
        echo "the tests need a real Kafka: install $tool (Debian: apt-get install -y openjdk-17-jre-headless maven util-linux)" >&2
        exit 1
    }
done

mkdir -p "$cache"
exec 9>"$cache/lock"
flock 9
[ -e "$cache/complete" ] && exit 0

cat >"$cache/pom.xml" <<POM
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>sillage</groupId><artifactId>kafka-for-tests</artifactId><version>1</version>
  <dependencies>
    <dependency>
      <groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>$version</version>
    </dependency>
  </dependencies>
</project>
POM
echo "fetching Kafka $version for the tests" >&2
mvn -B -q -f "$cache/pom.xml" dependency:copy-dependencies \
    -DincludeScope=runtime -DoutputDirectory="$cache/lib" >"$cache/fetch.log" 2>&1 9>&- || {
    tail -n 20 "$cache/fetch.log" >&2
    echo "Kafka $version could not be fetched with Maven" >&2
    exit 1
}

cat >"$cache/format.properties" <<PROPERTIES
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:1
controller.listener.names=CONTROLLER
listeners=PLAINTEXT://127.0.0.1:2,CONTROLLER://127.0.0.1:1
log.dirs=$cache/formatted
PROPERTIES
rm -rf "$cache/formatted"
java -Xmx256m -XX:TieredStopAtLevel=1 -cp "$cache/lib/*" kafka.tools.StorageTool \
    format -t c2lsbGFnZS10ZXN0cy0wMQ -c "$cache/format.properties" >>"$cache/fetch.log" 2>&1 9>&- || {
    tail -n 20 "$cache/fetch.log" >&2
    echo "an empty Kafka log could not be formatted" >&2
    exit 1
}
touch "$cache/complete"
