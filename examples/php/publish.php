<?php

// Publishes an event, reads it back, and handles an error. Needs no extension.

declare(strict_types=1);

final class RoomcastError extends RuntimeException
{
    public function __construct(public readonly array $error)
    {
        parent::__construct("{$error['code']}: {$error['message']}");
    }
}

function base64url(string $bytes): string
{
    return rtrim(strtr(base64_encode($bytes), '+/', '-_'), '=');
}

function sign(array $claims, string $secret): string
{
    $signed = base64url('{"alg":"HS256"}') . '.' . base64url(json_encode($claims));
    return $signed . '.' . base64url(hash_hmac('sha256', $signed, $secret, true));
}

function call(string $method, string $path, ?array $body = null): array
{
    $token = sign([
        'sub' => 'backend',
        'exp' => time() + 60,
        'rooms' => ['shipments:*' => ['publish', 'subscribe']],
    ], getenv('JWT_SECRET'));
    $context = stream_context_create(['http' => [
        'method' => $method,
        'header' => ["Authorization: Bearer $token", 'Content-Type: application/json'],
        'content' => $body === null ? '' : json_encode($body),
        'timeout' => 10,
        // Returns the body of an answer with an error status.
        'ignore_errors' => true,
    ]]);
    $text = file_get_contents(getenv('ROOMCAST_URL') . $path, false, $context);
    if ($text === false) {
        throw new RuntimeException('Roomcast can\'t be reached');
    }
    $answer = json_decode($text, true, flags: JSON_THROW_ON_ERROR);
    return isset($answer['error']) ? throw new RoomcastError($answer['error']) : $answer;
}

// With an `id`, the event is stored once, even if this program runs again.
$event = ['name' => 'shipment:updated', 'data' => ['status' => 'delivered'], 'id' => 'delivery-981'];
$published = call('POST', '/rooms/shipments:42/events', $event);
echo "published as seq {$published['seqs'][0]}\n";

$page = call('GET', '/rooms/shipments:42/events?last=10');
foreach ($page['events'] as $event) {
    echo "read {$event['seq']} {$event['name']} {$event['data']['status']}\n";
}

try {
    call('POST', '/rooms/shipments:42/events', ['name' => '', 'data' => 1]);
} catch (RoomcastError $error) {
    echo $error->getMessage(), "\n";
}
